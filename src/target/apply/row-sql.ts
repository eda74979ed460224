// What all statements over many rows are made of: arrays of values, and how they become rows again.
import type { Value } from '../../model/tuple.ts';
import type { RowDelete, RowWrite } from './step.ts';
import type { KeyColumn, TargetColumn, TargetTable } from './target-table.ts';
import { encodeTextArray, notSent } from './text-array.ts';

/** Not those of tables that inherit from it: they are published as their own, with keys of their own. */
export function rowsOf({ quoted, partitioned }: TargetTable): string {
  return partitioned ? quoted : `only ${quoted}`;
}

/** The first parameters, arrays of text, as rows of `u`. */
export function unnest(names: readonly string[]): string {
  return `(select ${unnestEach(names.map((name) => ({ name, type: 'text' })))}) as u`;
}

/**
 * A select list. There values are taken out of the arrays row by row; in FROM each array would be written to
 * a tuplestore of its own before: 12 instead of 8 microseconds for a row of 41 columns.
 */
export function unnestEach(arrays: readonly { name: string; type: string }[]): string {
  return arrays
    .map(({ name, type }, i) => `pg_catalog.unnest($${i + 1}::${type}[]) as ${name}`)
    .join(', ');
}

/** The same as a SELECT, with a column `n`: which of the rows it is, from 1. */
export function numbered(arrays: readonly { name: string; type: string }[]): string {
  return `select ${unnestEach(arrays)}, pg_catalog.generate_subscripts($1::text[], 1) as n`;
}

/** The index's own equality, qualified: with an empty search_path `=` would miss citext's. */
export function matches(
  key: readonly KeyColumn[],
  name: (column: KeyColumn, i: number) => string,
): string {
  return key
    .map(
      (column, i) => `t.${column.quoted} ${column.equals} u.${name(column, i)}::${column.castType}`,
    )
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
