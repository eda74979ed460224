// From the commit on one database until a query on another sees it.
import { setTimeout as sleep } from 'node:timers/promises';
import { expectEqualTables } from '../equal.ts';
import { runLoad } from '../load.ts';
import { MarkWatch, newMark, writeMark } from '../marks.ts';
import { tpcB } from '../shapes.ts';
import { living, type Side, writersOf } from '../side.ts';
import type { Stage } from '../stage.ts';
import { percentile } from '../statistics.ts';
import type { Trial, Workload } from '../workload.ts';
import { Scene, type Variants } from './catch-up.ts';

export interface Latency {
  readonly name: string;
  readonly what: string;
  /** TPC-B transactions per second beside it, on every source. */
  readonly load: number;
  readonly variants: Variants;
  readonly masters?: number;
  readonly wanted?: { p50?: number; p99?: number };
  readonly quick?: boolean;
}

const measuredSeconds = 20;
/** Whoever replicates has done so for long: what a program compiles while it runs is compiled by then. */
const before = { perSecond: 500, seconds: 10 };
/** At random, so as not to fall in step with a timer of anybody. */
const pauseMs = { least: 5, most: 25 };
/** Between two looks: asking without pause would take a processor from what is measured. */
const lookPauseMs = 0.1;

export function latency(options: Latency): Workload {
  const { name, what, variants, wanted = {}, quick = false } = options;
  const metric = (percentile: 'p50' | 'p95' | 'p99', most?: number) => ({
    name: percentile,
    unit: 'ms',
    better: 'lower' as const,
    ...(most !== undefined && { wanted: most }),
  });
  return {
    name,
    what,
    quick,
    variants: Object.keys(variants),
    metrics: [metric('p50', wanted.p50), metric('p95'), metric('p99', wanted.p99)],
    setUp: async (stage) => await setUp(stage, options),
  };
}

async function setUp(stage: Stage, { load, masters, variants }: Latency): Promise<Trial> {
  const scene = new Scene(stage, tpcB(stage.scale < 0.5 ? 1 : 6, masters));
  const sides = new Map<string, Side>();
  for (const [variant, set] of Object.entries(variants)) sides.set(variant, await set(scene));
  return {
    async measure(variant) {
      const side = sides.get(variant) as Side;
      const seconds = stage.seconds(measuredSeconds);
      const watch = await MarkWatch.open(stage, side.layout);
      await side.start();
      await warmUp(stage, side);
      await settle(side, watch);
      const beside =
        load === 0
          ? []
          : writersOf(side.layout).map((source) =>
              runLoad(stage, source, { clients: 2, perSecond: load, seconds: seconds + 1 }),
            );
      await sleep(500);
      const taken = await ping(stage, side, seconds);
      await Promise.all(beside);
      await settle(side, watch);
      await side.pause();
      await expectEqualTables(side.layout);
      return {
        p50: percentile(taken, 50),
        p95: percentile(taken, 95),
        p99: percentile(taken, 99),
      };
    },
  };
}

async function warmUp(stage: Stage, { layout }: Side): Promise<void> {
  const sources = writersOf(layout);
  const perSecond = before.perSecond / sources.length;
  const seconds = stage.seconds(before.seconds);
  await Promise.all(
    sources.map((source) => runLoad(stage, source, { clients: 2, perSecond, seconds })),
  );
}

/** Everything that was written before has arrived. */
export async function settle(side: Side, watch: MarkWatch): Promise<void> {
  const mark = newMark('settled');
  await writeMark(side.layout, mark);
  await watch.everywhere(mark);
}

/** Milliseconds of each, from the first source to the last database. */
async function ping(stage: Stage, side: Side, seconds: number): Promise<number[]> {
  const all = living(side.layout);
  const [from, to] = [all[0], all.at(-1)];
  if (from === undefined || to === undefined) throw new Error('nothing to ping');
  const [source, target] = [await stage.connect(from), await stage.connect(to)];
  const taken: number[] = [];
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    const mark = newMark('ping');
    await source.query({ name: 'ping', text: 'insert into mark values ($1)', values: [mark] });
    const committed = performance.now();
    const look = { name: 'look', text: 'select from mark where name = $1', values: [mark] };
    while ((await target.query(look)).rowCount === 0) pause(lookPauseMs);
    taken.push(performance.now() - committed);
    await sleep(pauseMs.least + Math.random() * (pauseMs.most - pauseMs.least));
  }
  return taken;
}

const never = new Int32Array(new SharedArrayBuffer(4));

/** Shorter than a timer can, and without the processor. */
function pause(ms: number): void {
  Atomics.wait(never, 0, 0, ms);
}
