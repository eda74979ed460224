// What a table's changes in a batch come to: rows to delete, to update and to insert.
import type { Tuple, Value } from '../../model/tuple.ts';

/** One row of the table: where to find it, and what it becomes. */
export interface RowWrite extends RowDelete {
  readonly row: Tuple;
  /** As it came, where `row` was completed since (complete-rows.ts). */
  readonly sent?: Tuple;
  /** Its source has no such row any more, so that it counts as a delete (complete-rows.ts). */
  readonly gone?: true;
}

export interface RowDelete {
  /** Values of the key's columns, in the key's order, by which the target's row is found. */
  readonly key: readonly Value[];
  /** When its last change was committed at the source. */
  readonly time: bigint;
  /**
   * Where several databases write and more than one transaction of the batch changed it: when the first one was
   * committed; the least of all, should the clock have gone back.
   */
  readonly first?: bigint | undefined;
  /**
   * What these transactions made of it, where it is asked for: another's row that is older than the last
   * change can still have beaten one of these.
   */
  readonly earlier?: readonly SingleRow[] | undefined;
}

export type SingleRow =
  | (RowWrite & { readonly kind: 'insert' | 'update' })
  | (RowDelete & { readonly kind: 'delete' });

export function earliestTime({ time, first }: RowDelete): bigint {
  return first ?? time;
}

export interface Step {
  /** Keys to remove, before anything else. */
  readonly deletes: RowDelete[];
  /** So many of the first that the target must have; the others were born in this batch. */
  readonly expectedDeletes: number;
  /** Rows whose key changes, found by the old one; where several write, a delete and an insert. */
  readonly rekeys: RowWrite[];
  readonly updates: RowWrite[];
  readonly inserts: RowWrite[];
}
