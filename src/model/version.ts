// What decides which of two changes of a row stays: when it was committed on the database where it
// was written, and for a tie the rank of that database. Every database compares the same two.

export interface Version {
  /** Microseconds since 2000-01-01 00:00 UTC, by the clock of the database where it was written. */
  readonly time: bigint;
  /** Of that database, as in `replicator.ranks`. */
  readonly rank: number;
}

/**
 * How much older than what was last seen of its source a change can be that still comes: clocks
 * differ, and the time of a commit is taken before its place in the stream, by however long a disk
 * keeps it waiting.
 */
export const latenessMs = 10 * 60_000;

/** Negative when `a` is older than `b`, zero when they are the same. */
export function compareVersions(a: Version, b: Version): number {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1;
  return a.rank - b.rank;
}

/** Nothing is older than what is not there. */
export function isOlder(a: Version, b: Version | undefined): boolean {
  return b !== undefined && compareVersions(a, b) < 0;
}
