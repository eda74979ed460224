// SQL over many rows at once: one unnest of text arrays per statement, cast per column. All names
// are quoted and qualified, all values are parameters.

import type { Statement } from '../../postgres/statement-group.ts';
import type { Parameter } from '../../postgres/statement-messages.ts';
import { isAsDescribed } from './as-described.ts';
import { encodeColumns } from './column-arrays.ts';
import { insertFrom, keyArrays, keyNames, matches, rowsOf, unnest } from './row-sql.ts';
import { textOf } from './statement-texts.ts';
import type { RowDelete, RowWrite } from './step.ts';
import type { KeyColumn, TargetColumn, TargetTable } from './target-table.ts';

function places(columns: readonly TargetColumn[]): string {
  return columns.map(({ index }) => index).join();
}

/** The server raises unique_violation when one of the rows exists. */
export function insertRows(table: TargetTable, rows: readonly Pick<RowWrite, 'row'>[]): Statement {
  const { columns } = table;
  if (columns.length === 0)
    return {
      text: `insert into ${table.quoted} select from generate_series(1, $1::int) where ${isAsDescribed(table)}`,
      values: [String(rows.length)],
    };
  const text = textOf(table, 'insert', () => insertFrom(table, givenRows(table)));
  return { text, values: columnArrays(table, rows) };
}

/**
 * Result: one row with how many of the rows existed already. ON CONFLICT makes a row twice as dear: it is
 * looked for, and its insertion is first tentative and then confirmed.
 */
export function upsertRows(
  table: TargetTable,
  key: readonly KeyColumn[],
  rows: readonly Pick<RowWrite, 'row'>[],
): Statement {
  const text = textOf(table, `upsert by ${places(key)}`, () => {
    const given = givenRows(table);
    const upsert = `${insertFrom(table, given)} ${onConflict(table, key)}`;
    return counted(upsert, given, table, key);
  });
  return { text, values: columnArrays(table, rows) };
}

function givenRows(table: TargetTable): string {
  const names = table.columns.map((_, i) => `c${i}`);
  return unnest(table, names);
}

function columnArrays(
  { columns }: TargetTable,
  rows: readonly Pick<RowWrite, 'row'>[],
): Parameter[] {
  return encodeColumns(
    rows.map(({ row }) => row),
    columns,
  );
}

/** The upsert, and how many of the rows existed before it. */
function counted(
  upsert: string,
  given: string,
  table: TargetTable,
  key: readonly KeyColumn[],
): string {
  const { columns } = table;
  if (table.partitioned)
    // A partitioned table has no xmax to tell.
    return (
      `with existing as (select count(*) as n from ${table.quoted} as t join ${given} ` +
      `on ${matches(key, (column) => `c${position(columns, column)}`)}), ` +
      `applied as (${upsert}) select n from existing`
    );
  if (columns.every(({ identityAlways }) => identityAlways))
    return (
      `with applied as (${upsert} returning 1) ` +
      'select cardinality($1::text[]) - count(*) from applied'
    );
  // xmax is set only on a row version that ON CONFLICT took over from an existing row.
  return (
    `with applied as (${upsert} returning (xmax <> 0) as existed) ` +
    'select count(*) filter (where existed) from applied'
  );
}

interface UpdateOptions {
  readonly rekey: boolean;
  readonly expectAll: boolean;
  readonly anyIdentity?: boolean;
}

/** Columns that an update sets, and those that it can only compare. */
interface UpdatedColumns {
  readonly set: readonly TargetColumn[];
  readonly fixed: readonly TargetColumn[];
}

/**
 * Updates rows found by `write.key`; all writes must carry the same columns. With `expectAll` the
 * server raises unless every row was found. A row whose GENERATED ALWAYS identity would have to
 * change, which SQL cannot do, does not count as found unless `anyIdentity`.
 */
export function updateRows(
  table: TargetTable,
  key: readonly KeyColumn[],
  writes: readonly RowWrite[],
  options: UpdateOptions,
): Statement | undefined {
  const unsent = writes[0]?.row.unsent;
  if (unsent === undefined) return undefined;
  const columns = updatedColumns(table, key, unsent, options);
  const { rekey, expectAll, anyIdentity = false } = options;
  const kind = `update by ${places(key)} but ${unsent} ${rekey} ${expectAll} ${anyIdentity}`;
  const text = textOf(table, kind, () => updateText(table, key, columns, expectAll));
  const rows = writes.map(({ row }) => row);
  const values: Parameter[] = [
    ...keyArrays(key, writes),
    ...encodeColumns(rows, [...columns.set, ...columns.fixed]),
  ];
  return { text, values: expectAll ? [...values, String(writes.length)] : values };
}

function updatedColumns(
  table: TargetTable,
  key: readonly KeyColumn[],
  unsent: readonly number[],
  { rekey, anyIdentity }: UpdateOptions,
): UpdatedColumns {
  const sent = table.columns.filter(
    ({ index }) =>
      !unsent.includes(index) && (rekey || !key.some((column) => column.index === index)),
  );
  return {
    set: sent.filter(({ identityAlways }) => !identityAlways),
    fixed: sent.filter(({ identityAlways }) => identityAlways && anyIdentity !== true),
  };
}

function updateText(
  table: TargetTable,
  key: readonly KeyColumn[],
  { set, fixed }: UpdatedColumns,
  expectAll: boolean,
): string {
  // Nothing but the key: the row is there, and stays as it is.
  const kept = table.columns.filter(({ identityAlways }) => !identityAlways).slice(0, 1);
  const assignments =
    set.length === 0
      ? kept.map(({ quoted }) => `${quoted} = t.${quoted}`)
      : set.map((column, i) => `${column.quoted} = u.c${i}::${column.castType}`);
  const names = [...keyNames(key), ...set.map((_, i) => `c${i}`), ...fixed.map((_, i) => `f${i}`)];
  const same = fixed.map(
    (column, i) => ` and t.${column.quoted} operator(pg_catalog.=) u.f${i}::${column.castType}`,
  );
  const where = `where ${matches(key, (_, i) => `k${i}`)}${same.join('')}`;
  const returning = expectAll ? ' returning 1' : '';
  const update =
    assignments.length > 0
      ? `update ${rowsOf(table)} as t set ${assignments.join(', ')} from ${unnest(table, names)} ${where}${returning}`
      : `select 1 from ${rowsOf(table)} as t, ${unnest(table, names)} ${where}`;
  return expectAll
    ? `with touched as (${update}) ` +
        `select replicator.expect_rows(count(*), $${names.length + 1}::bigint) from touched`
    : update;
}

export function deleteRows(
  table: TargetTable,
  key: readonly KeyColumn[],
  deletes: readonly RowDelete[],
): Statement {
  const text = textOf(
    table,
    `delete by ${places(key)}`,
    () =>
      `delete from ${rowsOf(table)} as t using ${unnest(table, keyNames(key))} ` +
      `where ${matches(key, (_, i) => `k${i}`)}`,
  );
  return { text, values: keyArrays(key, deletes) };
}

function onConflict(table: TargetTable, key: readonly KeyColumn[]): string {
  const arbiter = key.map(({ quoted }) => quoted).join(', ');
  // With the key, because equal keys may be spelled otherwise here: 1.0 and 1.00.
  const set = table.columns.filter(({ identityAlways }) => !identityAlways);
  if (set.length === 0) return `on conflict (${arbiter}) do nothing`;
  const assignments = set.map(({ quoted }) => `${quoted} = excluded.${quoted}`).join(', ');
  return `on conflict (${arbiter}) do update set ${assignments}`;
}

function position(columns: readonly TargetColumn[], wanted: TargetColumn): number {
  return columns.findIndex(({ index }) => index === wanted.index);
}
