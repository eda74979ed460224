// What a target has under the key of an incoming change: locked, and with its exact version.
import { beforeAllTimes, parseCommitTime } from '../../model/commit-time.ts';
import type { Tuple } from '../../model/tuple.ts';
import type { Version } from '../../model/version.ts';
import { givenKeyHash, rowKeyHash } from '../../postgres/key-hash.ts';
import { ownXid } from '../../postgres/own-xid.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import type { RowDelete, SingleRow } from '../apply/coalesce.ts';
import { keyArrays, rowsOf, unnest } from '../apply/row-sql.ts';
import type { KeyColumn, TargetTable } from '../apply/target-table.ts';
import { matchesKey } from './guarded-statements.ts';
import type { Present } from './resolve.ts';

export type Execute = (statements: readonly Statement[]) => Promise<readonly GroupResult[]>;

export interface RowChanged {
  readonly table: TargetTable;
  readonly key: readonly KeyColumn[];
  readonly incoming: SingleRow;
  readonly version: Version;
}

export interface FoundRow {
  readonly present: Present;
  /** The target's row, in the order of the relation's columns that the target has; else undefined. */
  readonly presentRow: Tuple | undefined;
}

/** Each statement's snapshot is taken after the wait of the one before it. */
export async function lookAtRow(
  table: TargetTable,
  key: readonly KeyColumn[],
  row: RowDelete,
  execute: Execute,
): Promise<FoundRow> {
  const given = unnest(key.map((_, i) => `k${i}`));
  const values = keyArrays(key, [row]);
  const from = `${rowsOf(table)} as t join ${given} on ${matchesKey(key)}`;
  const columns = table.columns.map(({ quoted }) => `, t.${quoted}`).join('');
  const version = `replicator.version_of(t.xmin, ${table.oid}, ${rowKeyHash(key)})`;
  const [, found, buried] = await execute([
    { text: `select from ${from} for update of t`, values },
    {
      text:
        `select t.xmin = ${ownXid}::text::xid, v.commit_time, v.rank${columns} ` +
        `from ${from}, lateral ${version} as v`,
      values,
    },
    {
      text:
        `select commit_time, rank from replicator.tombstones, ${given} ` +
        `where relation = ${table.oid} and key_hash = ${givenKeyHash(key)}`,
      values,
    },
  ]);
  const [mine, time, rank, ...presentRow] = found?.rows[0] ?? [];
  const tombstone = versionOf(buried?.rows[0]);
  if (mine === undefined) return { present: { row: undefined, tombstone }, presentRow: undefined };
  const present = mine === 't' ? 'own batch' : versionOf([time ?? null, rank ?? null]);
  return { present: { row: present, tombstone }, presentRow };
}

export function versionOf(row: readonly (string | null)[] | undefined): Version | undefined {
  if (row === undefined) return undefined;
  const [time, rank] = row;
  return { time: time == null ? beforeAllTimes : parseCommitTime(time), rank: Number(rank) };
}
