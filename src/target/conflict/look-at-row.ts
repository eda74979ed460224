// What a target has under the keys of incoming changes: locked, and with its exact version.
import { beforeAllTimes, parseCommitTime } from '../../model/commit-time.ts';
import type { Version } from '../../model/version.ts';
import { rowKeyHash } from '../../postgres/key-hash.ts';
import { ownXid } from '../../postgres/own-xid.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import { keyArrays, keyNames, numbered, rowsOf, textArrays } from '../apply/row-sql.ts';
import type { RowDelete, SingleRow } from '../apply/step.ts';
import type { KeyColumn, TargetTable } from '../apply/target-table.ts';
import { matchesKey, tombstoneOf } from './given-rows.ts';
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
 * In one round trip. Each statement's snapshot is taken after the waits of those before it, so a row that
 * appears in between is found, but not locked: then once more.
 */
export async function ask<T>(execute: Execute, question: Question<T>): Promise<T> {
  for (;;) {
    const results = await execute(question.statements);
    if (question.isLocked(results)) return question.read(results);
  }
}

export function both<A, B>(first: Question<A>, second: Question<B>): Question<[A, B]> {
  const { length } = first.statements;
  const split = (results: readonly GroupResult[]) =>
    [results.slice(0, length), results.slice(length)] as const;
  return {
    statements: [...first.statements, ...second.statements],
    read: (results) => {
      const [one, two] = split(results);
      return [first.read(one), second.read(two)];
    },
    isLocked: (results) => {
      const [one, two] = split(results);
      return first.isLocked(one) && second.isLocked(two);
    },
  };
}

export function isFoundLocked(lock: GroupResult | undefined, found: GroupResult | undefined) {
  return (found?.rows.length ?? 0) <= (lock?.rowCount ?? 0);
}

export function rowUnderKey(
  table: TargetTable,
  key: readonly KeyColumn[],
  row: RowDelete,
): Question<FoundRow> {
  const question = rowsUnderKeys(table, key, [row]);
  return { ...question, read: (results) => question.read(results)[0] ?? nothing };
}

/** In the order of the rows. Two of them may be one row here, where its key is spelled in two ways. */
export function rowsUnderKeys(
  table: TargetTable,
  key: readonly KeyColumn[],
  rows: readonly RowDelete[],
): Question<FoundRow[]> {
  const given = `(${numbered(table, textArrays(keyNames(key)))}) as u`;
  const values = keyArrays(key, rows);
  const from = `${rowsOf(table)} as t join ${given} on ${matchesKey(key)}`;
  const columns = table.columns.map(({ quoted }) => `, t.${quoted}`).join('');
  const version = `replicator.version_of(t.xmin, ${table.oid}, ${rowKeyHash(key)})`;
  const statements = [
    { text: `select from ${from} for update of t`, values },
    {
      text:
        `select u.n, t.xmin = ${ownXid}::text::xid, v.commit_time, v.rank${columns} ` +
        `from ${from}, lateral ${version} as v`,
      values,
    },
    {
      text: `select u.n, b.commit_time, b.rank from ${given}, ${tombstoneOf(table, key)}`,
      values,
    },
  ];
  return {
    statements,
    read: ([, found, buried]) => {
      const founds = byOrdinal(found);
      const tombstones = byOrdinal(buried);
      return rows.map((_, i) => foundRow(founds.get(i + 1), tombstones.get(i + 1)));
    },
    isLocked: ([lock, found]) => isFoundLocked(lock, found),
  };
}

type ResultRow = readonly (string | null)[] | undefined;

const nothing = foundRow(undefined, undefined);

function byOrdinal(result: GroupResult | undefined): Map<number, ResultRow> {
  return new Map(result?.rows.map(([n, ...row]) => [Number(n), row]));
}

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
