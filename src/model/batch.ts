// Consecutive whole transactions of one source that are applied as one transaction of the target.
import { ReplicatorError } from './errors.ts';
import type { Lsn } from './lsn.ts';
import type { WholeTransaction } from './transaction.ts';

export interface Batch {
  /** In the order of the source. */
  readonly transactions: readonly WholeTransaction[];
  /** End of its last transaction: the target's progress once it is committed. */
  readonly endLsn: Lsn;
  /** The newest commit time among its transactions. */
  readonly commitTime: bigint;
}

/** In the order of the source. Throws INTERNAL when there are none. */
export function batchOf(transactions: readonly WholeTransaction[]): Batch {
  const last = transactions.at(-1);
  if (last === undefined) throw new ReplicatorError('INTERNAL', 'a batch of no transaction');
  let { commitTime } = last.transaction;
  for (const { transaction } of transactions)
    if (transaction.commitTime > commitTime) commitTime = transaction.commitTime;
  return { transactions, endLsn: last.endLsn, commitTime };
}
