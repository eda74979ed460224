// What a source can do while it is replicated, and what replication can follow.
import { expectEqualTables } from '../equal.ts';
import { runLoad } from '../load.ts';
import { MarkWatch, newMark, writeMark } from '../marks.ts';
import {
  type ProcessorTime,
  processorFigures,
  processorMetrics,
  processorTime,
  secondsBetween,
} from '../processor-time.ts';
import { tpcB } from '../shapes.ts';
import type { Side } from '../side.ts';
import type { Stage } from '../stage.ts';
import type { Trial, Workload } from '../workload.ts';
import { oneWay, Scene } from './catch-up.ts';
import { settle } from './latency.ts';

const clients = 4;
/** A load is held when everything has arrived this soon after its end. */
const heldWithinMs = 250;

/** Clients that write as fast as they can. */
export const fullLoad: Workload = {
  name: 'full-load',
  what: `TPC-B from ${clients} clients as fast as the source goes, replicated meanwhile`,
  variants: ['native', 'ours', 'not replicated'],
  metrics: [
    { name: 'source', unit: 'transactions/s', better: 'higher', wanted: 1 },
    { name: 'arrived', unit: 'transactions/s until all had arrived', better: 'higher' },
    { name: 'lag', unit: 's at the end', better: 'lower' },
    ...processorMetrics,
  ],
  setUp: async (stage) =>
    await setUp(stage, async ({ seconds, source, arrival, spent, rows }) => {
      const before = await spent();
      const began = performance.now();
      const transactions = await runLoad(stage, source, { clients, seconds });
      const written = (performance.now() - began) / 1000;
      if (arrival === undefined) return { source: transactions / written };
      const lag = await arrival();
      const used = secondsBetween(before, await spent());
      return {
        source: transactions / written,
        arrived: transactions / (written + lag),
        lag,
        ...(used && processorFigures(used, transactions * rows)),
      };
    }),
};

/** The highest rate that is followed, found by halving. */
export const heldLoad: Workload = {
  name: 'held-load',
  what: 'TPC-B, the highest rate at which the lag does not grow',
  variants: ['native', 'ours'],
  metrics: [{ name: 'rate', unit: 'transactions/s', better: 'higher' }],
  setUp: async (stage) =>
    await setUp(stage, async ({ seconds, source, arrival }) => {
      if (arrival === undefined) throw new Error('nothing to follow');
      let [held, missed] = [0, 16_000];
      for (let step = 0; step < 6; step++) {
        const perSecond = Math.round((held + missed) / 2);
        const began = performance.now();
        const done = await runLoad(stage, source, { clients, perSecond, seconds });
        const rate = done / ((performance.now() - began) / 1000);
        const followed = (await arrival()) * 1000 <= heldWithinMs;
        // A source that cannot do more is no reason to ask for more.
        if (followed && rate > held) held = rate;
        if (!followed || rate < 0.9 * perSecond) missed = perSecond;
      }
      return { rate: held };
    }),
};

interface Held {
  readonly seconds: number;
  readonly source: Side['layout']['sources'][number];
  /** Seconds until all that was written by now has arrived; undefined without replication. */
  readonly arrival: (() => Promise<number>) | undefined;
  readonly spent: () => Promise<ProcessorTime | undefined>;
  /** Of a transaction. */
  readonly rows: number;
}

async function setUp(
  stage: Stage,
  play: (held: Held) => Promise<Readonly<Record<string, number>>>,
): Promise<Trial> {
  const shape = tpcB(stage.scale < 0.5 ? 2 : 20);
  const scene = new Scene(stage, shape);
  const sides = new Map<string, { side: Side; watch: MarkWatch }>();
  for (const [variant, set] of Object.entries(oneWay)) {
    const side = await set(scene);
    sides.set(variant, { side, watch: await MarkWatch.open(stage, side.layout) });
  }
  const { sources } = await scene.oneWay(0);
  const source = sources[0] as Held['source'];
  return {
    async measure(variant) {
      const seconds = stage.seconds(10);
      const replicated = sides.get(variant);
      const held = { seconds, source, rows: shape.rowsPerTransaction };
      if (replicated === undefined)
        return await play({ ...held, arrival: undefined, spent: async () => undefined });
      const { side, watch } = replicated;
      await side.start();
      await settle(side, watch);
      const arrival = async () => {
        const began = performance.now();
        const mark = newMark('end');
        await writeMark(side.layout, mark);
        await watch.everywhere(mark);
        return (performance.now() - began) / 1000;
      };
      const spent = () => processorTime(stage, side);
      const figures = await play({ ...held, arrival, spent });
      await side.pause();
      await expectEqualTables(side.layout);
      return figures;
    },
  };
}
