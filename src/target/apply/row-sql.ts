// What all statements over many rows are made of: arrays of values, and how they become rows again.
import type { Value } from '../../model/tuple.ts';
import { collated, ownRows } from '../../postgres/identifiers.ts';
import { isAsDescribed } from './as-described.ts';
import type { RowDelete, RowWrite } from './step.ts';
import type { KeyColumn, TargetColumn, TargetTable } from './target-table.ts';
import { encodeTextArray, notSent } from './text-array.ts';

/** Not those of tables that inherit from it: they are published as their own, with keys of their own. */
export function rowsOf({ quoted, partitioned }: TargetTable): string {
  return ownRows(quoted, partitioned);
}

/** The first parameters. */
export type GivenArrays = readonly { readonly name: string; readonly type: string }[];

/** Arrays of text as rows of `u`, for a statement about the table. */
export function unnest(table: TargetTable, names: readonly string[]): string {
  return `(${given(table, textArrays(names))}) as u`;
}

export function textArrays(names: readonly string[]): GivenArrays {
  return names.map((name) => ({ name, type: 'text' }));
}

/** A SELECT of their rows. */
export function given(table: TargetTable, arrays: GivenArrays): string {
  return `select ${unnestEach(arrays)} where ${isAsDescribed(table)}`;
}

/** The same with a column `n`: which of the rows it is, from 1. */
export function numbered(table: TargetTable, arrays: GivenArrays): string {
  const n = 'pg_catalog.generate_subscripts($1::text[], 1) as n';
  return `select ${unnestEach(arrays)}, ${n} where ${isAsDescribed(table)}`;
}

/**
 * A select list. There values are taken out of the arrays row by row; in FROM each array would be written to
 * a tuplestore of its own before: 12 instead of 8 microseconds for a row of 41 columns.
 */
function unnestEach(arrays: GivenArrays): string {
  return arrays
    .map(({ name, type }, i) => `pg_catalog.unnest($${i + 1}::${type}[]) as ${name}`)
    .join(', ');
}

/** The index's own equality, qualified: with an empty search_path `=` would miss citext's. So is its collation. */
export function matches(
  key: readonly KeyColumn[],
  name: (column: KeyColumn, i: number) => string,
): string {
  return key
    .map((column, i) => {
      const value = collated(`u.${name(column, i)}::${column.castType}`, column.collation);
      return `t.${column.quoted} ${column.equals} ${value}`;
    })
    .join(' and ');
}

/** Of the `i`th column of a table, in what is given: `c0`, `c1`, … */
export type ColumnName = (column: TargetColumn, i: number) => string;

/** The table as `t`, and into its columns the values `u.<name>` of `given`. */
export function insertFrom(
  { quoted, columns }: TargetTable,
  given: string,
  nameOf: ColumnName = (_, i) => `c${i}`,
): string {
  const names = columns.map((column) => column.quoted).join(', ');
  const values = columns
    .map((column, i) => `u.${nameOf(column, i)}::${column.castType}`)
    .join(', ');
  return `insert into ${quoted} as t (${names}) overriding system value select ${values} from ${given}`;
}

/** `k0`, `k1`, … */
export function keyNames(key: readonly KeyColumn[]): string[] {
  return key.map((_, i) => `k${i}`);
}

/** One array per key column. */
export function keyArrays(
  key: readonly KeyColumn[],
  rows: readonly (RowWrite | RowDelete)[],
): Buffer[] {
  return key.map((_, i) => arrayOf(rows.map((row) => row.key[i])));
}

/** Throws INTERNAL for a value that was not sent. */
export function arrayOf(values: readonly (Value | undefined)[]): Buffer {
  if (values.every(isText)) return encodeTextArray(values);
  throw notSent();
}

function isText(value: Value | undefined): value is string | null {
  return typeof value === 'string' || value === null;
}
