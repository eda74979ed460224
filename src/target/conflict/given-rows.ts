// The rows that a statement of a contested table is about, as its relation `given`.

import { givenKeyHash } from '../../postgres/key-hash.ts';
import { encodeColumns } from '../apply/column-arrays.ts';
import {
  type GivenArrays,
  given,
  keyArrays,
  keyNames,
  matches,
  numbered,
  textArrays,
} from '../apply/row-sql.ts';
import { earliestTime, type RowDelete, type RowWrite } from '../apply/step.ts';
import type { KeyColumn, TargetColumn, TargetTable } from '../apply/target-table.ts';
import { encodeTimeArray } from '../apply/time-array.ts';

/** The rows that come with a statement: their key, commit time and further columns, in arrays. */
export class Given {
  readonly values: (Buffer | string)[];
  readonly #table: TargetTable;
  readonly #arrays: GivenArrays[number][];
  #scalars = 0;

  constructor(
    table: TargetTable,
    key: readonly KeyColumn[],
    rows: readonly RowDelete[],
    keys = keyArrays(key, rows),
  ) {
    this.#table = table;
    this.values = [...keys, encodeTimeArray(rows.map(({ time }) => time))];
    this.#arrays = [...textArrays(keyNames(key)), { name: 'commit_time', type: 'timestamptz' }];
  }

  /**
   * With the values of columns, and what these are called. The key's are taken from the rows as well: where
   * several write, a changed key is a delete and an insert.
   */
  static ofWrites(
    table: TargetTable,
    key: readonly KeyColumn[],
    columns: readonly TargetColumn[],
    writes: readonly RowWrite[],
  ): { given: Given; columnName: (column: TargetColumn) => string } {
    const inKey = new Map(key.map(({ index }, i) => [index, `k${i}`]));
    const rest = columns.filter(({ index }) => !inKey.has(index));
    const rows = writes.map(({ row }) => row);
    const arrays = encodeColumns(rows, [...key, ...rest]);
    const given = new Given(table, key, writes, arrays.slice(0, key.length));
    for (const [i, { index }] of rest.entries())
      given.add(`c${index}`, arrays[key.length + i] as Buffer);
    return { given, columnName: ({ index }) => inKey.get(index) ?? `c${index}` };
  }

  /** Before any `parameter`. */
  add(name: string, array: Buffer, type = 'text'): void {
    this.values.push(array);
    this.#arrays.push({ name, type });
  }

  /** The commit time of each row's first change, before any `parameter`; gives its SQL. */
  firstTime(rows: readonly RowDelete[]): string {
    if (rows.every(({ first }) => first === undefined)) return 'u.commit_time';
    this.add('first_time', encodeTimeArray(rows.map(earliestTime)), 'timestamptz');
    return 'u.first_time';
  }

  /** A single value for all rows; gives its SQL. */
  parameter(value: string, type: string): string {
    this.values.push(value);
    this.#scalars += 1;
    return `$${this.#arrays.length + this.#scalars}::${type}`;
  }

  /** `given as (…)`, for a WITH clause. */
  get cte(): string {
    return `given as (${given(this.#table, this.#arrays)})`;
  }

  /** The same with a column `n`: which of the rows it is, from 1. */
  get numbered(): string {
    return `given as (${numbered(this.#table, this.#arrays)})`;
  }
}

export function matchesKey(key: readonly KeyColumn[]): string {
  return matches(key, (_, i) => `k${i}`);
}

/**
 * As `b`, beside a row `u`. A plan that is kept may be older than what is there now: OFFSET keeps the planner from
 * joining all of the table's tombstones instead, which is as cheap while there are none.
 */
export function tombstoneOf({ oid }: TargetTable, key: readonly KeyColumn[]): string {
  return (
    'lateral (select d.commit_time, d.rank from replicator.tombstones d ' +
    `where d.relation = ${oid} and d.key_hash = ${givenKeyHash(key)} offset 0) b`
  );
}
