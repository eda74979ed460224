// How fast a backlog is applied that was written while everybody was paused. The clock runs from
// the arrival of a mark before it to that of a mark behind it, so starting up does not count.

import type { TestDatabase } from '../../support/database.ts';
import { expectEqualTables } from '../equal.ts';
import { runLoad, type Shape, schemaOf } from '../load.ts';
import { MarkWatch, newMark, writeMark } from '../marks.ts';
import { replicateNatively } from '../native.ts';
import { replicateWithOurs } from '../ours.ts';
import {
  peakMemory,
  processorFigures,
  processorMetrics,
  processorTime,
  secondsBetween,
} from '../processor-time.ts';
import { type Layout, type Side, writersOf } from '../side.ts';
import type { ServerName, Stage } from '../stage.ts';
import type { Figures, Metric, Trial, Workload } from '../workload.ts';

export type Variants = Readonly<Record<string, (scene: Scene) => Promise<Side>>>;

export interface CatchUp {
  readonly name: string;
  readonly what: string;
  readonly shape: (stage: Stage) => Shape;
  /** Transactions of the shape on every source, or one transaction given as SQL. */
  readonly backlog: { transactions: number } | { rows: number; sql: (rows: number) => string };
  readonly wanted?: number;
  readonly variants?: Variants;
  readonly quick?: boolean;
  readonly smoke?: boolean;
  readonly rounds?: number;
  /** MB that the replicator's process must not exceed. */
  readonly memoryLimit?: number;
}

const metrics = ({ wanted, memoryLimit }: CatchUp): Metric[] => [
  { name: 'rate', unit: 'rows/s', better: 'higher', ...(wanted !== undefined && { wanted }) },
  ...processorMetrics,
  {
    name: 'peak memory',
    unit: 'MB',
    better: 'lower',
    ...(memoryLimit !== undefined && { limit: memoryLimit }),
  },
];

/** Native replication and ours, each into a target of its own, from one source that they share. */
export const oneWay: Variants = {
  native: async (scene) => replicateNatively(scene.stage, await scene.oneWay(1)),
  ours: async (scene) => replicateWithOurs(scene.stage, await scene.oneWay(1)),
};

export function catchUp(options: CatchUp): Workload {
  const { name, what, variants = oneWay, quick = false, smoke = false, rounds } = options;
  return {
    name,
    what,
    quick,
    smoke,
    ...(rounds !== undefined && { rounds }),
    variants: Object.keys(variants),
    metrics: metrics(options),
    setUp: async (stage) => await setUp(stage, options, variants),
  };
}

async function setUp(stage: Stage, options: CatchUp, variants: Variants): Promise<Trial> {
  const shape = options.shape(stage);
  const scene = new Scene(stage, shape);
  const sides = new Map<string, { side: Side; watch: MarkWatch }>();
  for (const [variant, set] of Object.entries(variants)) {
    const side = await set(scene);
    sides.set(variant, { side, watch: await MarkWatch.open(stage, side.layout) });
  }
  let marks = { start: '', end: '' };
  let rows = 0;
  return {
    async prepareRound() {
      marks = { start: newMark('start'), end: newMark('end') };
      for (const layout of distinct([...sides.values()].map(({ side }) => side.layout))) {
        await writeMark(layout, marks.start);
        const written = await Promise.all(
          writersOf(layout).map((writer) => writeBacklog(stage, writer, options.backlog, shape)),
        );
        rows = written.reduce((sum, n) => sum + n, 0);
        await writeMark(layout, marks.end);
      }
    },
    async measure(variant) {
      const { side, watch } = sides.get(variant) as { side: Side; watch: MarkWatch };
      const begun = watch.anywhere(marks.start).then(async () => ({
        at: performance.now(),
        spent: await processorTime(stage, side),
      }));
      await side.start();
      const { at, spent } = await begun;
      await watch.everywhere(marks.end);
      const seconds = (performance.now() - at) / 1000;
      const used = secondsBetween(spent, await processorTime(stage, side));
      const memory = side.pid === undefined ? undefined : await peakMemory(side.pid);
      // Of less than that it is mostly chance.
      const enough = used !== undefined && seconds > 1;
      await side.pause();
      await expectEqualTables(side.layout);
      return {
        rate: rows / seconds,
        ...(enough && processorFigures(used, rows)),
        ...(memory !== undefined && { 'peak memory': memory }),
      } satisfies Figures;
    },
  };
}

async function writeBacklog(
  stage: Stage,
  source: TestDatabase,
  backlog: CatchUp['backlog'],
  shape: Shape,
): Promise<number> {
  if ('transactions' in backlog) {
    const transactions = stage.amount(backlog.transactions);
    const options = { clients: 4, transactions, synchronousCommit: 'off' } as const;
    return (await runLoad(stage, source, options)) * shape.rowsPerTransaction;
  }
  const rows = stage.amount(backlog.rows);
  await source.query(backlog.sql(rows));
  return rows;
}

/** A source that several variants share is written to once. */
function distinct(layouts: readonly Layout[]): Layout[] {
  const first = (source: TestDatabase | undefined) =>
    layouts.find(({ sources }) => sources[0] === source);
  return layouts.filter((layout) => first(layout.sources[0]) === layout);
}

/** Where the variants of one workload get their databases. */
export class Scene {
  readonly stage: Stage;
  readonly #shape: Shape;
  #shared: Promise<TestDatabase> | undefined;

  constructor(stage: Stage, shape: Shape) {
    this.stage = stage;
    this.#shape = shape;
  }

  /** For a variant that writes in another way. */
  with(shape: Shape): Scene {
    return new Scene(this.stage, shape);
  }

  /** From the source that all variants share to so many targets. */
  async oneWay(targets: number): Promise<Layout> {
    this.#shared ??= this.database('first', 'source');
    return { sources: [await this.#shared], targets: await this.targets(targets) };
  }

  async targets(count: number): Promise<TestDatabase[]> {
    const targets: TestDatabase[] = [];
    for (let i = 1; i <= count; i++) targets.push(await this.database('second', `target ${i}`));
    return targets;
  }

  /** So many that write to each other, each on a server of its own. */
  async masters(count: number): Promise<Layout> {
    const servers = (['first', 'second', 'third'] as const).slice(0, count);
    const sources: TestDatabase[] = [];
    for (const [i, server] of servers.entries())
      sources.push(await this.database(server, `master ${i + 1}`, i + 1));
    return { sources, targets: [] };
  }

  /** `writer` tells masters apart: none uses the keys of another. */
  async database(server: ServerName, name: string, writer = 1): Promise<TestDatabase> {
    return await this.stage.database(server, name, schemaOf(this.#shape, writer));
  }
}
