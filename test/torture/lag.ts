// How long rows took from their commit on one database until another applied them.
import type { Facts } from './outcome.ts';
import type { World } from './world.ts';

export interface Lag {
  readonly samples: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** By the rows of `append`, faults included; undefined without any, or with clocks that are wrong. */
export async function measureLag(world: World, facts: Facts): Promise<Lag | undefined> {
  if (world.masters.some(({ clockOffsetMs = 0 }) => clockOffsetMs !== 0)) return undefined;
  if (!world.workloads.some(({ name }) => name === 'append')) return undefined;
  const lags: number[] = [];
  for (const master of world.masters)
    for (const { op, at } of await master.query(
      'select op, (extract(epoch from at) * 1000000)::bigint as at from torture.arrival',
    )) {
      const version = facts.committed.get(Number(op))?.version;
      if (version) lags.push(Number(BigInt(at ?? 0) - version.time) / 1000);
    }
  if (lags.length === 0) return undefined;
  lags.sort((a, b) => a - b);
  const at = (share: number) =>
    lags[Math.min(lags.length - 1, Math.floor(lags.length * share))] ?? 0;
  return {
    samples: lags.length,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
    maxMs: at(1),
  };
}
