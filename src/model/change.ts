// One change of a table's rows, in the words of pgoutput.
import type { Relation } from './relation.ts';
import type { Tuple } from './tuple.ts';

export interface InsertChange {
  readonly kind: 'insert';
  readonly relation: Relation;
  readonly new: Tuple;
}

export interface UpdateChange {
  readonly kind: 'update';
  readonly relation: Relation;
  /**
   * The row before: whole with REPLICA IDENTITY FULL; else only the identity's columns (the others
   * are null), and only when one of them changed.
   */
  readonly old: Tuple | undefined;
  readonly new: Tuple;
}

export interface DeleteChange {
  readonly kind: 'delete';
  readonly relation: Relation;
  readonly old: Tuple;
}

export interface TruncateChange {
  readonly kind: 'truncate';
  readonly relations: readonly Relation[];
  readonly cascade: boolean;
  readonly restartIdentity: boolean;
}

export type RowChange = InsertChange | UpdateChange | DeleteChange;
export type Change = RowChange | TruncateChange;
