// Reads one row at the source, for an update whose target row is missing: large values that the
// update did not touch were not sent with it.

import type { DatabaseConfig } from '../../config/config.ts';
import type { Tuple } from '../../model/tuple.ts';
import { quoteIdentifier } from '../../postgres/identifiers.ts';
import { Session } from '../../postgres/session.ts';
import type { FetchRow } from './apply-carefully.ts';

/** Opens a connection per row: this is rare, and an idle one would pin the source's database. */
export function fetchFrom(source: DatabaseConfig): FetchRow {
  return async (table, key) => {
    await using session = await Session.connect(source, { purpose: 'fetch', name: source.name });
    const { columns } = table.relation;
    const selected = columns.map(({ name }, i) => `t.${quoteIdentifier(name)} as c${i}`);
    const where = (table.key ?? []).map(
      (column, i) => `t.${column.quoted} ${column.equals} $${i + 1}::${column.castType}`,
    );
    // Rows of tables that inherit from it are not its own; those of partitions are.
    const own =
      `(t.tableoid = ${table.relation.oid} or exists (select from pg_catalog.pg_partitioned_table ` +
      `where partrelid = ${table.relation.oid}))`;
    const [row] = await session.query(
      `select ${selected.join(', ')} from ${table.quoted} as t where ${where.join(' and ')} and ${own}`,
      key,
    );
    return row && (columns.map((_, i) => row[`c${i}`] ?? null) satisfies Tuple);
  };
}
