// Finds the rows in which one table differs between two databases: counts and hashes per range of
// hashed keys first, then only the rows of ranges that differ.
import type { TableName } from '../model/relation.ts';
import type { Session } from '../postgres/session.ts';
import { type ComparedTable, comparedTables, type RangeSum, type Rows } from './compared-table.ts';

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

/** Compares the columns that both have. Rows without a key are told apart by their whole content. */
export async function compareTable(
  first: Session,
  second: Session,
  table: TableName,
): Promise<TableDifference> {
  const tables = await comparedTables(first, second, table);
  const ranges = rangesFor(Math.max(...(await Promise.all(tables.map((each) => each.count())))));
  const [a, b] = await Promise.all([tables[0].sums(ranges), tables[1].sums(ranges)]);
  const unequal = [...new Set([...a.keys(), ...b.keys()])]
    .filter((range) => !isSame(a.get(range), b.get(range)))
    .sort((one, other) => one - other);
  const found = new Collector(table);
  if (unequal.length > 0)
    await first.transaction(() =>
      second.transaction(async () => await compareRanges(tables, { ranges, unequal }, found)),
    );
  return found.difference;
}

async function compareRanges(
  [first, second]: readonly [ComparedTable, ComparedTable],
  { ranges, unequal }: { readonly ranges: number; readonly unequal: readonly number[] },
  found: Collector,
): Promise<void> {
  const [ones, others] = await Promise.all([
    first.rowsByRange(ranges, unequal),
    second.rowsByRange(ranges, unequal),
  ]);
  for (const range of unequal) {
    const [one, other] = await Promise.all([ones.take(range), others.take(range)]);
    found.compare(one, other);
  }
}

/** Looks at what an earlier result names again, or at all rows where that is not all: what was only on its way is gone. */
export async function compareAgain(
  first: Session,
  second: Session,
  { table, keys, allKeys }: TableDifference,
): Promise<TableDifference> {
  if (!allKeys) return await compareTable(first, second, table);
  const [a, b] = await comparedTables(first, second, table);
  const named = [...keys.onlyFirst, ...keys.onlySecond, ...keys.differing];
  const found = new Collector(table);
  found.compare(await a.rows(named), await b.rows(named));
  return found.difference;
}

export function isEqual({ onlyFirst, onlySecond, differing }: TableDifference): boolean {
  return onlyFirst + onlySecond + differing === 0;
}

function rangesFor(rows: number): number {
  return Math.min(mostRanges, 2 ** Math.ceil(Math.log2(Math.max(1, rows / rowsPerRange))));
}

function isSame(a: RangeSum | undefined, b: RangeSum | undefined): boolean {
  return a?.hash === b?.hash && a?.rows === b?.rows;
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
