// The rule as it is built, and the same with one part taken away: by a wrapper around the product's
// function, or by something that the database in memory leaves undone.
import { compareVersions, type Version } from '../../../src/model/version.ts';
import { settle, settleOwn } from '../../../src/target/conflict/claims.ts';
import { type Present, resolve, resolveOwn } from '../../../src/target/conflict/resolve.ts';

export type Part =
  | 'manifest'
  | 'tombstone'
  | 'tombstone on insert'
  | 'own deletes'
  | 'own writes'
  | 'own stream in the horizon'
  | 'own stream once visible'
  | 'own batch'
  | 'same source'
  | 'rank'
  | 'commit-wait'
  | 'fetched columns'
  | 'gone at the source'
  | 'fetch once visible'
  | 'no value carried over transactions'
  | 'horizon'
  | 'horizon by stamp'
  | 'margin of the horizon'
  | 'claims'
  | 'claims of what lost'
  | 'claims of what is gone'
  | 'claims of own writes'
  | 'own writes are evicted'
  | 'tombstone of the evicted row'
  | 'tombstone of the beaten row'
  | 'claims of every transaction'
  | 'versions of a truncate';

export interface Rules {
  readonly resolve: typeof resolve;
  readonly resolveOwn: typeof resolveOwn;
  readonly settle: typeof settle;
  readonly settleOwn: typeof settleOwn;
  readonly without: Part | undefined;
}

export const wholeRule: Rules = { resolve, resolveOwn, settle, settleOwn, without: undefined };

export function ruleWithout(part: Part): Rules {
  return { ...wholeRule, ...wrappers[part], without: part };
}

const wrappers: Partial<Record<Part, Partial<Rules>>> = {
  // Its commit time is not there yet, and nothing is greater than that: the change would be kept out.
  'own batch': {
    resolve: (incoming, present) =>
      present.row === 'own batch'
        ? { ...resolve(incoming, present), action: 'keep' }
        : resolve(incoming, present),
  },
  'same source': {
    resolve: (incoming, present) => {
      const { row } = present;
      const newer =
        typeof row === 'object' && compareVersions(row, incoming.version) > 0 ? unknown(row) : row;
      return resolve(incoming, { ...present, row: newer });
    },
  },
  rank: {
    resolve: ({ kind, version }, { row, tombstone }) => {
      // Of two equal times neither is older: the row that is there stays, a tombstone does not hold.
      const tied =
        typeof row === 'object' && row.time === version.time && row.rank !== version.rank;
      const present: Present = {
        row: tied ? { ...row, rank: version.rank + 1 } : row,
        tombstone: tombstone?.time === version.time ? undefined : tombstone,
      };
      return resolve({ kind, version }, present);
    },
  },
  'claims of own writes': {
    settleOwn: (own, resolution, taken) => ({
      ...settleOwn(own, resolution, taken),
      claims: taken.map(() => false),
    }),
  },
  'own writes are evicted': {
    settleOwn: (own, resolution, taken) => ({
      ...settleOwn(own, resolution, taken),
      resolution,
    }),
  },
  'tombstone of the beaten row': {
    settle: (remote, resolution, taken) => {
      const settled = settle(remote, resolution, taken);
      if (settled.resolution === resolution) return settled;
      return { ...settled, resolution: { action: 'delete', bury: undefined } };
    },
  },
};

/** The same version by somebody else. */
function unknown({ time }: Version): Version {
  return { time, rank: -1 };
}
