// Consecutive whole transactions of one source that are applied as one transaction of the target.
import type { Lsn } from './lsn.ts';
import type { TransactionPart } from './transaction.ts';

export interface Batch {
  /** In the order of the source, each of them whole. */
  readonly transactions: readonly TransactionPart[];
  /** End of its last transaction: the target's progress once it is committed. */
  readonly endLsn: Lsn;
  /** The newest commit time among its transactions. */
  readonly commitTime: bigint;
}
