// One of the two tables that are compared: what its server says of its rows.
import { ReplicatorError } from '../model/errors.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { describeTables } from '../postgres/catalog.ts';
import { ownRows, quoteIdentifier, quoteTable } from '../postgres/identifiers.ts';
import type { Session } from '../postgres/session.ts';

/** By key, as a JSON array of the key columns' texts. */
export type Rows = ReadonlyMap<string, { readonly digest: string; readonly copies: number }>;

export interface RangeSum {
  readonly rows: number;
  readonly hash: string;
}

interface Expressions {
  readonly from: string;
  readonly key: string;
  readonly row: string;
}

/** With the columns that both have. Throws SCHEMA_DRIFT where one of them does not have the table. */
export async function comparedTables(
  first: Session,
  second: Session,
  table: TableName,
): Promise<[ComparedTable, ComparedTable]> {
  const [[a], [b]] = await Promise.all([
    describeTables(first, [table]),
    describeTables(second, [table]),
  ]);
  if (a === undefined || b === undefined) {
    const { name } = (a === undefined ? first : second).database;
    throw new ReplicatorError('SCHEMA_DRIFT', `${name}: table ${tableLabel(table)} does not exist`);
  }
  const columns = a.columns
    .map(({ name }) => name)
    .filter((name) => b.columns.some((column) => column.name === name))
    .sort();
  const row = `row(${columns.map((name) => `t.${quoteIdentifier(name)}`).join(', ')})::text`;
  const keyColumns = a.keys[0]?.columns.map((name) => `t.${quoteIdentifier(name)}::text`);
  const expressions = {
    from: `${ownRows(quoteTable(table), a.partitioned)} as t`,
    key:
      keyColumns === undefined ? `md5(${row})` : `json_build_array(${keyColumns.join(', ')})::text`,
    row,
  };
  return [new ComparedTable(first, expressions), new ComparedTable(second, expressions)];
}

// What is wanted goes in by IN: PostgreSQL 13 goes through all of an array in ANY for each row.
export class ComparedTable {
  readonly #session: Session;
  readonly #expressions: Expressions;

  constructor(session: Session, expressions: Expressions) {
    this.#session = session;
    this.#expressions = expressions;
  }

  async count(): Promise<number> {
    const { from } = this.#expressions;
    const { n } = await this.#session.one(`select count(*)::text as n from ${from}`);
    return Number(n);
  }

  /** Of each of `ranges`, a power of two, that has rows. */
  async sums(ranges: number): Promise<Map<number, RangeSum>> {
    const { from, key, row } = this.#expressions;
    const sums = await this.#session.query<{ range: string; rows: string; hash: string }>(
      `select ${rangeOf(key, ranges)}::text as range, count(*)::text as rows,
              sum(('x' || substr(md5(${row}), 1, 15))::bit(60)::bigint)::text as hash
       from ${from} group by 1`,
    );
    return new Map(
      sums.map(({ range, rows, hash }) => [Number(range), { rows: Number(rows), hash }]),
    );
  }

  async rows(keys: readonly string[]): Promise<Rows> {
    const rows = await this.#session.query<ReadRow>(
      `select key, digest from (${this.#keysAndDigests}) as r where key in (select unnest($1::text[]))`,
      [keys],
    );
    return byKey(rows);
  }

  /** Of some of `ranges`, in a transaction that goes on until all have been taken. */
  async rowsByRange(ranges: number, wanted: readonly number[]): Promise<RowsByRange> {
    await this.#session.query(
      `declare rows_by_range no scroll cursor for
       select r.key, r.digest, r.range::text as range
       from (select key, digest, ${rangeOf('key', ranges)} as range
             from (${this.#keysAndDigests}) as k offset 0) as r
       where r.range in (select unnest($1::bigint[])) order by r.range`,
      [wanted],
    );
    return new RowsByRange(this.#session);
  }

  /** Behind OFFSET, so that neither is made more than once for a row. */
  get #keysAndDigests(): string {
    const { from, key, row } = this.#expressions;
    return `select ${key} as key, md5(${row}) as digest from ${from} offset 0`;
  }
}

/** Hashed, so that it does not matter how the two servers order texts. */
function rangeOf(key: string, ranges: number): string {
  return `(('x' || substr(md5(${key}), 1, 8))::bit(32)::bigint & ${ranges - 1})`;
}

type ReadRow = Readonly<Record<'key' | 'digest', string>>;
type RowOfRange = ReadRow & { readonly range: string };

const rowsPerFetch = 10_000;

/** The rows of many ranges, which are read once and are never all in memory. */
class RowsByRange {
  readonly #session: Session;
  #fetched: readonly RowOfRange[] = [];
  #at = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Of each range in ascending order; none where it has none. */
  async take(range: number): Promise<Rows> {
    const rows: ReadRow[] = [];
    for (;;) {
      const row = this.#fetched[this.#at] ?? (await this.#fetch());
      if (row === undefined || Number(row.range) !== range) return byKey(rows);
      rows.push(row);
      this.#at += 1;
    }
  }

  async #fetch(): Promise<RowOfRange | undefined> {
    this.#fetched = await this.#session.query<RowOfRange>(
      `fetch ${rowsPerFetch} from rows_by_range`,
    );
    this.#at = 0;
    return this.#fetched[0];
  }
}

/** Without a key of its own a row is its own key, and may be there several times. */
function byKey(rows: readonly ReadRow[]): Rows {
  const found = new Map<string, { digest: string; copies: number }>();
  for (const { key, digest } of rows) {
    const before = found.get(key);
    if (before === undefined) found.set(key, { digest, copies: 1 });
    else {
      before.copies += 1;
      if (digest < before.digest) before.digest = digest;
    }
  }
  return found;
}
