// A committed transaction of a source, whole or in parts.
import type { Change } from './change.ts';
import type { Lsn } from './lsn.ts';

export interface TransactionHead {
  readonly xid: number;
  /** Microseconds since 2000-01-01 00:00 UTC, as the server sent it: milliseconds would not do. */
  readonly commitTime: bigint;
  /** Start of the commit record. Less than the end of this and of every later transaction. */
  readonly commitLsn: Lsn;
}

/**
 * Consecutive changes of one transaction. Most transactions are one part; one that is larger than
 * memory arrives in several, in order, with nothing of another transaction in between.
 */
export interface TransactionPart {
  readonly transaction: TransactionHead;
  /** The first part; one that is also the last is a whole transaction. */
  readonly first: boolean;
  readonly changes: readonly Change[];
  /** An estimate of the memory that the changes take. */
  readonly bytes: number;
  /** Set on the last part: the end of the commit record, the position to confirm. */
  readonly endLsn: Lsn | undefined;
  /** It wrote `replicator.marker`: its progress must be stored on every target at once. */
  readonly marked: boolean;
}

/** A transaction that is one part. */
export type WholeTransaction = TransactionPart & { readonly endLsn: Lsn };

export function isWhole(part: TransactionPart): part is WholeTransaction {
  return part.first && part.endLsn !== undefined;
}
