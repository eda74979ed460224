// Whoever replicates, as the workloads see it: set up once, then started and paused at will.
import type { TestDatabase } from '../support/database.ts';

/** Every source's writes go to all other sources and to all targets. */
export interface Layout {
  readonly sources: readonly TestDatabase[];
  readonly targets: readonly TestDatabase[];
  /** Those of the sources that are written to, when not all. */
  readonly writers?: readonly TestDatabase[];
  /** Targets whose server is down for as long as anything is measured. */
  readonly dead?: readonly TestDatabase[];
}

export interface Side {
  readonly layout: Layout;
  /** Resolves once every pair streams. */
  start(): Promise<void>;
  /** Keeps what is written meanwhile for the next start. */
  pause(): Promise<void>;
  /** A process that replicates outside of the servers. */
  readonly pid?: number | undefined;
}

export interface Pair {
  readonly from: TestDatabase;
  readonly to: TestDatabase;
}

export function pairsOf({ sources, targets }: Layout): Pair[] {
  return sources.flatMap((from) =>
    [...sources, ...targets].filter((to) => to !== from).map((to) => ({ from, to })),
  );
}

/** Those that can be asked. */
export function living({ sources, targets, dead = [] }: Layout): TestDatabase[] {
  return [...sources, ...targets.filter((target) => !dead.includes(target))];
}

export function writersOf({ sources, writers = sources }: Layout): readonly TestDatabase[] {
  return writers;
}
