// A promotion, and a recovery to a point in time, begin a new timeline: from there on a position says
// something else than it did before.
// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES
import { ReplicatorError } from './errors.ts';
import { type Lsn, parseLsn } from './lsn.ts';

/** Where each earlier timeline was left for the next one. */
export type TimelineHistory = ReadonlyMap<bigint, Lsn>;

/** What a source has come through, and so what it can know of what was written to its targets. */
export interface Lineage {
  /** The id of each process that owned it, by epoch. */
  readonly owners: ReadonlyMap<bigint, string>;
  /** The one that the source is on. */
  readonly timeline: bigint;
  /** Where that earlier one was left. Undefined: it is no ancestor, or nothing is known of it. */
  leftAt(earlier: bigint): Promise<Lsn | undefined>;
}

/**
 * The text of a timeline history file: per line an earlier timeline, the position at which it was
 * left, and why. Throws PROTOCOL for anything else.
 */
export function parseTimelineHistory(text: string): TimelineHistory {
  const history = new Map<bigint, Lsn>();
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, timeline, lsn] = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line) ?? [];
    if (timeline === undefined || lsn === undefined)
      throw new ReplicatorError('PROTOCOL', 'a timeline history file has an unknown line');
    history.set(BigInt(timeline), parseLsn(lsn));
  }
  return history;
}
