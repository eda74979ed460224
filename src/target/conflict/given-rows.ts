// The rows that a statement of a contested table is about, as its relation `given`.
import { earliestTime, type RowDelete, type RowWrite } from '../apply/coalesce.ts';
import { encodeColumns } from '../apply/column-arrays.ts';
import { keyArrays, matches, unnestEach } from '../apply/row-sql.ts';
import type { KeyColumn, TargetColumn } from '../apply/target-table.ts';
import { encodeTimeArray } from '../apply/time-array.ts';

/** The rows that come with a statement: their key, commit time and further columns, in arrays. */
export class Given {
  readonly values: (Buffer | string)[];
  readonly #arrays: { readonly name: string; readonly type: string }[];
  #scalars = 0;

  constructor(key: readonly KeyColumn[], rows: readonly (RowWrite | RowDelete)[]) {
    this.values = [...keyArrays(key, rows), encodeTimeArray(rows.map(({ time }) => time))];
    this.#arrays = [
      ...key.map((_, i) => ({ name: `k${i}`, type: 'text' })),
      { name: 'commit_time', type: 'timestamptz' },
    ];
  }

  /** Before any `parameter`. */
  add(name: string, array: Buffer, type = 'text'): void {
    this.values.push(array);
    this.#arrays.push({ name, type });
  }

  /** The commit time of each row's first change, before any `parameter`; gives its SQL. */
  firstTime(rows: readonly (RowWrite | RowDelete)[]): string {
    if (rows.every(({ earlier }) => earlier === undefined)) return 'u.commit_time';
    this.add('first_time', encodeTimeArray(rows.map(earliestTime)), 'timestamptz');
    return 'u.first_time';
  }

  /**
   * The values of columns, before any `parameter`; gives their names. Those of the key are given
   * already: where several write, a changed key is a delete and an insert.
   */
  columns(
    columns: readonly TargetColumn[],
    key: readonly KeyColumn[],
    writes: readonly RowWrite[],
  ): (column: TargetColumn) => string {
    const names = new Map(key.map(({ index }, i) => [index, `k${i}`]));
    const rest = columns.filter(({ index }) => !names.has(index));
    const rows = writes.map(({ row }) => row);
    const arrays = encodeColumns(rows, rest);
    for (const [i, { index }] of rest.entries()) {
      names.set(index, `c${index}`);
      this.add(`c${index}`, arrays[i] as Buffer);
    }
    return ({ index }) => names.get(index) ?? '';
  }

  /** A single value for all rows; gives its SQL. */
  parameter(value: string, type: string): string {
    this.values.push(value);
    this.#scalars += 1;
    return `$${this.#arrays.length + this.#scalars}::${type}`;
  }

  /** `given as (…)`, for a WITH clause. */
  get cte(): string {
    return `given as (select ${unnestEach(this.#arrays)})`;
  }

  /** The same with a column `n`: which of the rows it is, from 1. */
  get numbered(): string {
    return `given as (select ${unnestEach(this.#arrays)}, pg_catalog.generate_subscripts($1::text[], 1) as n)`;
  }
}

export function matchesKey(key: readonly KeyColumn[]): string {
  return matches(key, (_, i) => `k${i}`);
}
