// Consecutive whole transactions of one source that are applied as one transaction of the target.
import type { Change } from './change.ts';
import type { Lsn } from './lsn.ts';

export interface Batch {
  readonly changes: readonly Change[];
  /** End of its last transaction: the target's progress once it is committed. */
  readonly endLsn: Lsn;
  /** The newest commit time among its transactions. */
  readonly commitTime: bigint;
  readonly transactions: number;
}
