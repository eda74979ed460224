// Finds the rows in which one table differs between two databases: counts and hashes per range of
// hashed keys first, then only the rows of ranges that differ. Hashing the key makes the ranges
// independent of collations, which may order text differently on the two servers.
import { ReplicatorError } from '../model/errors.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { describeTables } from '../postgres/catalog.ts';
import { quoteIdentifier, quoteTable } from '../postgres/identifiers.ts';
import type { Session } from '../postgres/session.ts';

export interface TableDifference {
  readonly table: TableName;
  /** Rows that only the first, or only the second database has. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Rows that both have under the same key, with other values. */
  readonly differing: number;
  /** Keys of the rows above, each a JSON array of the key columns' texts; the first so many. */
  readonly keys: DifferingKeys;
  /** There are no others. */
  readonly allKeys: boolean;
}

export interface DifferingKeys {
  readonly onlyFirst: readonly string[];
  readonly onlySecond: readonly string[];
  readonly differing: readonly string[];
}

/** Keys that are kept per kind; the counts beyond are exact all the same. */
const keptKeys = 1_000;
const rowsPerRange = 500;
const mostRanges = 65_536;
const rowsAtOnce = 50_000;

interface Expressions {
  readonly from: string;
  readonly key: string;
  readonly row: string;
}

/** Compares the columns that both have. Rows without a key are told apart by their whole content. */
export async function compareTable(
  first: Session,
  second: Session,
  table: TableName,
): Promise<TableDifference> {
  const expressions = await expressionsFor(first, second, table);
  const ranges = await rangeCount(first, second, expressions);
  const [a, b] = await Promise.all([
    readRanges(first, expressions, ranges),
    readRanges(second, expressions, ranges),
  ]);
  const unequal = new Map<number, number>();
  for (const range of new Set([...a.keys(), ...b.keys()])) {
    const [one, other] = [a.get(range), b.get(range)];
    if (one?.hash !== other?.hash || one?.rows !== other?.rows)
      unequal.set(range, (one?.rows ?? 0) + (other?.rows ?? 0));
  }
  const found = new Collector(table);
  for (const group of groupsOf(unequal)) {
    const condition = { sql: `${rangeOf(expressions, ranges)} = any($1::bigint[])`, value: group };
    found.compare(
      await readRows(first, expressions, condition),
      await readRows(second, expressions, condition),
    );
  }
  return found.difference;
}

/** Looks at what an earlier result names again, or at all rows where that is not all: what was only on its way is gone. */
export async function compareAgain(
  first: Session,
  second: Session,
  { table, keys, allKeys }: TableDifference,
): Promise<TableDifference> {
  if (!allKeys) return await compareTable(first, second, table);
  const expressions = await expressionsFor(first, second, table);
  const value = [...keys.onlyFirst, ...keys.onlySecond, ...keys.differing];
  const condition = { sql: `${expressions.key} = any($1::text[])`, value };
  const found = new Collector(table);
  found.compare(
    await readRows(first, expressions, condition),
    await readRows(second, expressions, condition),
  );
  return found.difference;
}

export function isEqual({ onlyFirst, onlySecond, differing }: TableDifference): boolean {
  return onlyFirst + onlySecond + differing === 0;
}

async function expressionsFor(
  first: Session,
  second: Session,
  table: TableName,
): Promise<Expressions> {
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
  return {
    from: `${a.partitioned ? '' : 'only '}${quoteTable(table)} as t`,
    key:
      keyColumns === undefined ? `md5(${row})` : `json_build_array(${keyColumns.join(', ')})::text`,
    row,
  };
}

async function rangeCount(first: Session, second: Session, { from }: Expressions): Promise<number> {
  const counts = await Promise.all(
    [first, second].map((session) => session.one(`select count(*)::text as n from ${from}`)),
  );
  const rows = Math.max(...counts.map(({ n }) => Number(n)));
  return Math.min(mostRanges, 2 ** Math.ceil(Math.log2(Math.max(1, rows / rowsPerRange))));
}

/** Which of `ranges`, a power of two, a row falls into. */
function rangeOf({ key }: Expressions, ranges: number): string {
  return `(('x' || substr(md5(${key}), 1, 8))::bit(32)::bigint & ${ranges - 1})`;
}

async function readRanges(
  session: Session,
  expressions: Expressions,
  ranges: number,
): Promise<Map<number, { rows: number; hash: string }>> {
  const rows = await session.query<{ range: string; rows: string; hash: string }>(
    `select ${rangeOf(expressions, ranges)}::text as range, count(*)::text as rows,
            sum(('x' || substr(md5(${expressions.row}), 1, 15))::bit(60)::bigint)::text as hash
     from ${expressions.from} group by 1`,
  );
  return new Map(
    rows.map((row) => [Number(row.range), { rows: Number(row.rows), hash: row.hash }]),
  );
}

type Rows = ReadonlyMap<string, { readonly digest: string; readonly copies: number }>;

async function readRows(
  session: Session,
  { from, key, row }: Expressions,
  condition: { sql: string; value: readonly unknown[] },
): Promise<Rows> {
  const rows = await session.query<{ key: string; digest: string; copies: string }>(
    `select ${key} as key, min(md5(${row})) as digest, count(*)::text as copies
     from ${from} where ${condition.sql} group by 1`,
    [condition.value],
  );
  return new Map(
    rows.map((each) => [each.key, { digest: each.digest, copies: Number(each.copies) }]),
  );
}

/** Ranges, gathered so that about as many rows as fit in memory are read at once. */
function* groupsOf(ranges: ReadonlyMap<number, number>): Generator<string[]> {
  let group: string[] = [];
  let rows = 0;
  for (const [range, size] of ranges) {
    if (group.length > 0 && rows + size > rowsAtOnce) {
      yield group;
      group = [];
      rows = 0;
    }
    group.push(String(range));
    rows += size;
  }
  if (group.length > 0) yield group;
}

class Collector {
  readonly #table: TableName;
  readonly #counts = { onlyFirst: 0, onlySecond: 0, differing: 0 };
  readonly #keys = {
    onlyFirst: [] as string[],
    onlySecond: [] as string[],
    differing: [] as string[],
  };

  #keptAll = true;

  constructor(table: TableName) {
    this.#table = table;
  }

  get difference(): TableDifference {
    return { table: this.#table, ...this.#counts, keys: this.#keys, allKeys: this.#keptAll };
  }

  compare(first: Rows, second: Rows): void {
    for (const [key, one] of first) {
      const other = second.get(key);
      if (other !== undefined && other.digest !== one.digest) this.#add('differing', key, 1);
      else this.#add('onlyFirst', key, one.copies - (other?.copies ?? 0));
    }
    for (const [key, other] of second)
      this.#add('onlySecond', key, other.copies - (first.get(key)?.copies ?? 0));
  }

  #add(kind: keyof DifferingKeys, key: string, rows: number): void {
    if (rows <= 0) return;
    this.#counts[kind] += rows;
    if (this.#keys[kind].length < keptKeys) this.#keys[kind].push(key);
    else this.#keptAll = false;
  }
}
