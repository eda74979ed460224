// Conflicts by the names that PostgreSQL gives them:
// https://www.postgresql.org/docs/current/logical-replication-conflicts.html
import type { TableName } from './relation.ts';
import type { Version } from './version.ts';

export type ConflictKind =
  | 'insert_exists'
  | 'update_origin_differs'
  | 'update_exists'
  | 'update_missing'
  | 'update_deleted'
  | 'delete_origin_differs'
  | 'delete_missing'
  | 'multiple_unique_conflicts';

export type ConflictCounts = Partial<Record<ConflictKind, number>>;

/** `skip`: there was nothing to decide between. `error`: the subscription stopped before it. */
export type ConflictResolution = 'apply_remote' | 'keep_local' | 'skip' | 'error';

export interface ConflictCount {
  readonly kind: ConflictKind;
  readonly resolution: ConflictResolution;
  readonly count: number;
}

/**
 * What resolved it. `newer`: the later commit stays. `rank`: both at the same microsecond.
 * `tombstone`: the row was deleted later. `claim`: a unique value belongs to another row. `missing`:
 * there was no row. `pause`: a person is to say.
 */
export type DecidingRule = 'newer' | 'rank' | 'tombstone' | 'claim' | 'missing' | 'pause';

/** A row by the names of its columns; what the source did not send is not there. */
export type RowImage = Readonly<Record<string, string | null>>;

/** What was decided on a target about one change, and between what. */
export interface Conflict {
  readonly kind: ConflictKind;
  readonly resolution: ConflictResolution;
  readonly rule: DecidingRule;
  /** The first of the syncs that bring the table. */
  readonly sync: string;
  /** The target's: known by its oid, as its name may be another one's by the time a person decides. */
  readonly table: TableName & { readonly oid: string };
  /** Of the row, as the source sent it. */
  readonly key: RowImage;
  /** The target's row, or the delete of it: undefined when nothing is known of the key. */
  readonly local: ConflictSide | undefined;
  readonly remote: ConflictSide;
}

export interface ConflictSide {
  readonly version: Version;
  /** Made when it is asked for: of most conflicts one is kept, or none. Undefined when the row is deleted. */
  readonly row: () => RowImage | undefined;
}
