// What is remembered of conflicts: rows of replicator.conflicts, written by the transaction that
// decides them, and counts. Images are bounded, so that telling never stops applying.
import type { ConflictLog } from '../../config/config.ts';
import { beforeAllTimes, formatCommitTime } from '../../model/commit-time.ts';
import type { Conflict, ConflictCount, ConflictSide, RowImage } from '../../model/conflict.ts';
import { unchanged, type Value } from '../../model/tuple.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import { encodeTextArray } from '../apply/text-array.ts';

/** jsonb cannot hold more than 256 MB, and nobody reads a row of that size. */
export const imageCharacters = 1_000_000;

/**
 * The values under their columns' names, without those that were not sent, or would make it longer
 * than `characters`.
 */
export function rowImage(
  names: readonly string[],
  values: readonly Value[],
  characters = imageCharacters,
): RowImage {
  const image: [string, string | null][] = [];
  let size = 0;
  for (const [i, name] of names.entries()) {
    const value = values[i] ?? null;
    if (value === unchanged || size + (value?.length ?? 0) > characters) continue;
    size += value?.length ?? 0;
    image.push([name, value]);
  }
  return Object.fromEntries(image);
}

/** What the option `conflict_log` of its table keeps of a conflict; undefined: nothing. */
export function toldOf(conflict: Conflict, log: ConflictLog): ConflictColumns | undefined {
  if (log === 'off') return undefined;
  const full = log === 'full';
  // With `keys` the row that lost; which one it is, the resolution says.
  return conflictColumns(conflict, {
    local: full || conflict.resolution === 'apply_remote',
    remote: full || conflict.resolution === 'keep_local',
  });
}

/** Undefined when there is nothing to keep. */
export function logConflicts(
  source: string,
  told: readonly ConflictColumns[],
): Statement | undefined {
  const [first] = told;
  if (first === undefined) return undefined;
  const columns = Object.keys(first);
  const arrays = columns.map((_, i) => `$${i + 2}::text[]`).join(', ');
  return {
    name: `log_conflicts`,
    text: `${insertConflicts} from unnest(${arrays}) as u(${columns.join(', ')})`,
    values: [
      source,
      ...columns.map((name) => encodeTextArray(told.map((row) => row[name] ?? null))),
    ],
  };
}

/** Of rows `u` with the columns of `conflictColumns`; `$1` is the source. */
export const insertConflicts = `insert into replicator.conflicts
  (source, sync, relation, table_schema, table_name, key, conflict_type, resolution, rule,
   local_database, local_commit_time, remote_commit_time, local_row, remote_row)
select $1, u.sync, u.relation::oid, u.table_schema, u.table_name, u.key::jsonb,
  u.conflict_type, u.resolution, u.rule,
  (select r.database from replicator.ranks r where r.rank = u.local_rank::integer),
  u.local_commit_time::timestamptz, u.remote_commit_time::timestamptz,
  u.local_row::jsonb, u.remote_row::jsonb`;

export type ConflictColumns = Readonly<Record<string, string | null>>;

export function conflictColumns(
  { kind, resolution, rule, sync, table, key, local, remote }: Conflict,
  keep: { readonly local: boolean; readonly remote: boolean },
): ConflictColumns {
  return {
    sync,
    relation: table.oid,
    table_schema: table.schema,
    table_name: table.name,
    key: JSON.stringify(key),
    conflict_type: kind,
    resolution,
    rule,
    local_rank: local === undefined ? null : String(local.version.rank),
    local_commit_time: timeOf(local),
    remote_commit_time: timeOf(remote),
    local_row: keep.local ? json(local?.row()) : null,
    remote_row: keep.remote ? json(remote.row()) : null,
  };
}

function timeOf(side: ConflictSide | undefined): string | null {
  const time = side?.version.time ?? beforeAllTimes;
  return time === beforeAllTimes ? null : formatCommitTime(time);
}

function json(row: RowImage | undefined): string | null {
  return row === undefined ? null : JSON.stringify(row);
}

export function addConflictCounts(source: string, counts: readonly ConflictCount[]): Statement {
  return {
    name: 'count_conflicts_by_kind',
    text: `insert into replicator.conflict_counts as c (source, conflict_type, resolution, count)
select $1, u.kind, u.resolution, sum(u.count::bigint)
from unnest($2::text[], $3::text[], $4::text[]) as u(kind, resolution, count) group by 2, 3
on conflict (source, conflict_type, resolution) do update set count = c.count + excluded.count`,
    values: [
      source,
      encodeTextArray(counts.map(({ kind }) => kind)),
      encodeTextArray(counts.map(({ resolution }) => resolution)),
      encodeTextArray(counts.map(({ count }) => String(count))),
    ],
  };
}

/** Not those that still wait for a person. */
export function forgetConflicts(retentionMs: number): Statement {
  return {
    name: 'forget_conflicts',
    text: `delete from replicator.conflicts
where decided_at < now() - $1::bigint * interval '1 ms' and (resolution <> 'error' or decision is not null)`,
    values: [String(retentionMs)],
  };
}
