// DDL that makes a table as it is elsewhere, as far as replication needs it.
import { quoteIdentifier, quoteTable } from '../../postgres/identifiers.ts';
import type { TableFacts } from './read/read-tables.ts';

/** Without defaults, checks, foreign keys and further indexes: pg_dump knows those. */
export function createTable(table: TableFacts): string {
  const columns = table.columns
    .filter(({ generated }) => !generated)
    .map(({ name, declaredType, notNull }) =>
      [quoteIdentifier(name), declaredType, ...(notNull ? ['not null'] : [])].join(' '),
    );
  const primary = table.keys.find((key) => key.primary);
  const key = primary === undefined ? [] : [`primary key (${columnList(primary.columns)})`];
  return `create table ${quoteTable(table)} (${[...columns, ...key].join(', ')})`;
}

export function columnList(names: readonly string[]): string {
  return names.map(quoteIdentifier).join(', ');
}
