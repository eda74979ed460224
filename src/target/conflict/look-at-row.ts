// What a target has under the key of an incoming change: locked, and with its exact version.
import { beforeAllTimes, parseCommitTime } from '../../model/commit-time.ts';
import type { Version } from '../../model/version.ts';
import { givenKeyHash, rowKeyHash } from '../../postgres/key-hash.ts';
import { ownXid } from '../../postgres/own-xid.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import { keyArrays, rowsOf, unnest } from '../apply/row-sql.ts';
import type { RowDelete, SingleRow } from '../apply/step.ts';
import type { KeyColumn, TargetTable } from '../apply/target-table.ts';
import { matchesKey } from './given-rows.ts';
import type { Present } from './resolve.ts';

export type Execute = (statements: readonly Statement[]) => Promise<readonly GroupResult[]>;

export interface RowChanged {
  readonly table: TargetTable;
  readonly key: readonly KeyColumn[];
  readonly incoming: SingleRow;
  readonly version: Version;
}

/** In the order of the relation's columns that the target has. */
export type PresentRow = readonly (string | null)[];

export interface FoundRow {
  readonly present: Present;
  readonly presentRow: PresentRow | undefined;
}

/** What a target is asked, and what its answers mean. */
export interface Question<T> {
  readonly statements: readonly Statement[];
  readonly read: (results: readonly GroupResult[]) => T;
  /** Whether every row that was found is locked. */
  readonly isLocked: (results: readonly GroupResult[]) => boolean;
}

/**
 * Both in one round trip. Each statement's snapshot is taken after the waits of those before it, so a
 * row that appears in between is found, but not locked: then once more.
 */
export async function ask<A, B>(
  execute: Execute,
  first: Question<A>,
  second: Question<B>,
): Promise<[A, B]> {
  for (;;) {
    const results = await execute([...first.statements, ...second.statements]);
    const { length } = first.statements;
    const [one, two] = [results.slice(0, length), results.slice(length)];
    if (first.isLocked(one) && second.isLocked(two)) return [first.read(one), second.read(two)];
  }
}

export function isFoundLocked(lock: GroupResult | undefined, found: GroupResult | undefined) {
  return (found?.rows.length ?? 0) <= (lock?.rowCount ?? 0);
}

export function rowUnderKey(
  table: TargetTable,
  key: readonly KeyColumn[],
  row: RowDelete,
): Question<FoundRow> {
  const given = unnest(key.map((_, i) => `k${i}`));
  const values = keyArrays(key, [row]);
  const from = `${rowsOf(table)} as t join ${given} on ${matchesKey(key)}`;
  const columns = table.columns.map(({ quoted }) => `, t.${quoted}`).join('');
  const version = `replicator.version_of(t.xmin, ${table.oid}, ${rowKeyHash(key)})`;
  const statements = [
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
  ];
  return {
    statements,
    read: ([, found, buried]) => foundRow(found?.rows[0], buried?.rows[0]),
    isLocked: ([lock, found]) => isFoundLocked(lock, found),
  };
}

type ResultRow = readonly (string | null)[] | undefined;

function foundRow(found: ResultRow, buried: ResultRow): FoundRow {
  const [mine, time, rank, ...presentRow] = found ?? [];
  const tombstone = versionOf(buried);
  if (mine === undefined) return { present: { row: undefined, tombstone }, presentRow: undefined };
  const present = mine === 't' ? 'own batch' : versionOf([time ?? null, rank ?? null]);
  return { present: { row: present, tombstone }, presentRow };
}

export function versionOf(row: ResultRow): Version | undefined {
  if (row === undefined) return undefined;
  const [time, rank] = row;
  return { time: time == null ? beforeAllTimes : parseCommitTime(time), rank: Number(rank) };
}
