// Reads rows at the source: large values that an update did not touch were not sent with it.
import type { DatabaseConfig } from '../../config/config.ts';
import { ReplicatorError } from '../../model/errors.ts';
import { tableLabel } from '../../model/relation.ts';
import { type Tuple, unchanged, type Value } from '../../model/tuple.ts';
import { quoteIdentifier, quoteTable } from '../../postgres/identifiers.ts';
import { Session } from '../../postgres/session.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import { describe, isUnaltered, type PresentTable, presentTable } from './present-table.ts';
import { matches } from './row-sql.ts';
import type { TargetTable } from './target-table.ts';
import { encodeTextArray } from './text-array.ts';
import { begin, commit } from './transaction-frame.ts';

/** In the order of the relation's columns; `unchanged` where the source has the column no more. */
export type FetchedRow = readonly Value[];

/** The rows as they are on the source's disk, in the order of the keys; undefined for one that is gone. */
export type FetchRows = (
  table: TargetTable,
  keys: readonly (readonly (string | null)[])[],
) => Promise<(FetchedRow | undefined)[]>;

/**
 * For changes of these transactions. They are in the stream before others can see what they wrote: a
 * row that one of them brought would seem to be gone.
 */
export type FetchRowsOf = (xids: readonly number[]) => FetchRows;

/**
 * A commit that did not wait for the disk can be seen before it is there, and is gone if the source crashes. A
 * transaction of which this is a part, and that does wait, has flushed all that it saw: that takes an xid and a
 * record of its own (RecordTransactionCommit in xact.c), and nobody who decodes WAL is shown that of a lock.
 */
const flush: Statement = { text: 'select from replicator.marker for key share' };

/** Opens a connection each time: this is rare, and an idle one would pin the source's database. */
export function fetchFrom(source: DatabaseConfig): FetchRowsOf {
  return (xids) => async (table, keys) => {
    await using session = await Session.connect(source, {
      purpose: 'fetch',
      name: source.name,
      // What it would wait for beyond its own disk may be away, and a target waits for us.
      settings: { synchronous_commit: 'local' },
    });
    const { relation, key = [] } = table;
    const [, , before] = await session.group([
      begin,
      { text: 'select replicator.await_visible($1)', values: [`{${xids.join(',')}}`] },
      describe(relation),
    ]);
    const present = presentTable(relation, key, before as GroupResult, source.name);
    const [found, after] = await session.group([
      selectRows(table, present, keys),
      // Behind the SELECT, whose lock keeps the names as they are.
      describe(relation),
      flush,
      commit,
    ]);
    if (!isUnaltered(before as GroupResult, after as GroupResult))
      throw new ReplicatorError(
        'BATCH_REFUSED',
        `${source.name}: ${tableLabel(present)} was altered while its rows were read`,
      );
    const rows: (FetchedRow | undefined)[] = keys.map(() => undefined);
    for (const [n, ...row] of found?.rows ?? []) {
      const values = row.values();
      rows[Number(n) - 1] = present.has.map((has) =>
        has ? (values.next().value ?? null) : unchanged,
      );
    }
    return rows;
  };
}

function selectRows(
  { relation, key = [] }: TargetTable,
  present: PresentTable,
  keys: readonly (readonly (string | null)[])[],
): Statement {
  const columns = relation.columns.filter((_, i) => present.has[i]);
  const selected = ['u.n', ...columns.map(({ name }) => `t.${quoteIdentifier(name)}`)];
  const arrays = key.map((_, i) => `$${i + 1}::text[]`).join(', ');
  const names = key.map((_, i) => `k${i}`).join(', ');
  const where = matches(key, (_, i) => `k${i}`);
  // Rows of tables that inherit from it are not its own; those of partitions are.
  const own =
    `(t.tableoid = ${relation.oid} or exists (select from pg_catalog.pg_partitioned_table ` +
    `where partrelid = ${relation.oid}))`;
  return {
    text:
      `select ${selected.join(', ')} from unnest(${arrays}) with ordinality as u(${names}, n) ` +
      `join ${quoteTable(present)} as t on ${where} and ${own}`,
    values: key.map((_, i) => encodeTextArray(keys.map((values) => values[i] ?? null))),
  };
}

/** What the source has no more stays as it is here, as with the changes that come without it from now on. */
export function withoutUnsent(table: TargetTable, { unsent }: Tuple): TargetTable {
  if (unsent.length === 0) return table;
  return { ...table, columns: table.columns.filter(({ index }) => !unsent.includes(index)) };
}
