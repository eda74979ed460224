// Values of unique keys beside the row's own. A value belongs to the row with the greatest version
// that ever had it, even if that row has given it up or is gone: only so does the order in which
// changes arrive not matter. Pure, like resolve.ts, whose resolution of the same change it completes.
import { compareVersions, isOlder, type Version } from '../../model/version.ts';
import type { Resolution } from './resolve.ts';

/** That the row with this key took a value, and with which of its changes. */
export interface Claim {
  /** Canonical: equal when the target's unique index says so. */
  readonly key: string;
  /** Exact, also of a row that the same batch wrote. */
  readonly version: Version;
}

/** What the target knows of one value that a change brings. NULL is no value. */
export interface Taken {
  /** The row that has the value now, be it the changed one. */
  readonly holder: Claim | undefined;
  /** The greatest claim that is remembered, whoever made it. */
  readonly claim: Claim | undefined;
}

export interface Settlement {
  /** Of the change. `delete`: the row that was found goes; if there was none, there is none. */
  readonly resolution: Resolution;
  /** Rows to be removed first, each leaving a tombstone of its own version. */
  readonly evicted: readonly Claim[];
  /** Per value, as given: the change is its greatest claim, to be remembered. */
  readonly claims: readonly boolean[];
}

/**
 * A change of another database that brings values: a write, whatever `resolve` says of it, also one
 * that counts as a delete because its row is gone at the source. A transaction comes with one image
 * per key and its deletes first, so that what it gave up itself claims nothing.
 */
export function settle(change: Claim, resolution: Resolution, taken: readonly Taken[]): Settlement {
  const { key, version } = change;
  const beaten = taken.some(({ holder, claim }) => beats(holder, change) || beats(claim, change));
  // Of two changes by one source at one time the later is the one that its stream brings later.
  const evicts = (holder: Claim) => compareVersions(holder.version, version) <= 0;
  return {
    resolution:
      beaten && resolution.action === 'write' ? { action: 'delete', bury: version } : resolution,
    evicted: holdersOf(taken).filter((holder) => holder.key !== key && evicts(holder)),
    claims: claimsOf(version, taken),
  };
}

/**
 * A write of the database itself, read late from its own stream: it claims, it evicts, and its row
 * goes if it still has a value that was claimed by a greater one. It never brings a row back: where
 * its row is missing, a delete of it is known, or still to come.
 */
export function settleOwn(
  change: Claim,
  resolution: Resolution,
  taken: readonly Taken[],
): Settlement {
  const { key, version } = change;
  const beaten = taken.some(
    ({ holder, claim }) =>
      beats(claim, change) && holder?.key === key && !isOlder(version, holder.version),
  );
  return {
    resolution: beaten ? { action: 'delete', bury: version } : resolution,
    // The table itself knows which of two rows of one time has the value.
    evicted: holdersOf(taken).filter(
      (holder) => holder.key !== key && isOlder(holder.version, version),
    ),
    claims: claimsOf(version, taken),
  };
}

function beats(other: Claim | undefined, { key, version }: Claim): boolean {
  return other !== undefined && other.key !== key && isOlder(version, other.version);
}

/** Each once: a row may have several of the values. */
function holdersOf(taken: readonly Taken[]): Claim[] {
  const holders = new Map<string, Claim>();
  for (const { holder } of taken) if (holder !== undefined) holders.set(holder.key, holder);
  return [...holders.values()];
}

function claimsOf(version: Version, taken: readonly Taken[]): boolean[] {
  return taken.map(({ claim }) => claim === undefined || !isOlder(version, claim.version));
}
