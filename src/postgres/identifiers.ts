// The only place where names become SQL.
import type { TableName } from '../model/relation.ts';

/** Doubles quotes; a NUL cannot be part of a PostgreSQL name. Throws RangeError on one. */
export function quoteIdentifier(name: string): string {
  if (name.includes('\0')) throw new RangeError('a name contains a NUL character');
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string constant that means the same under every standard_conforming_strings. */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) throw new RangeError('a string contains a NUL character');
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? ` E${quoted}` : quoted;
}

export function quoteTable({ schema, name }: TableName): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/** In FROM: rows of tables that inherit from it are not its own, those of partitions are. */
export function ownRows(quotedTable: string, partitioned: boolean): string {
  return partitioned ? quotedTable : `only ${quotedTable}`;
}

/** A value as its index compares it; `collation`: quoted, null for that of the value. */
export function collated(value: string, collation: string | null): string {
  return collation === null ? value : `${value} collate ${collation}`;
}
