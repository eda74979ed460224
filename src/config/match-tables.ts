// Which tables of a database belong to a relgroup.
import type { TableName } from '../model/relation.ts';
import type { RelgroupConfig } from './config.ts';
import { parseTablePattern, patternMatches } from './table-pattern.ts';

type Patterns = Pick<RelgroupConfig, 'tables' | 'exclude'>;

/**
 * Those of `tables` that match, in their order. `pg_*`, information_schema and our own schema
 * never do. May also be asked with a single pattern, to find one that matches nothing.
 */
export function matchTables<T extends TableName>(relgroup: Patterns, tables: readonly T[]): T[] {
  const included = relgroup.tables.map(parseTablePattern);
  const excluded = relgroup.exclude.map(parseTablePattern);
  return tables.filter(
    (table) =>
      !isReservedSchema(table.schema) &&
      included.some((pattern) => patternMatches(pattern, table)) &&
      !excluded.some((pattern) => patternMatches(pattern, table)),
  );
}

export function isReservedSchema(schema: string): boolean {
  return schema.startsWith('pg_') || schema === 'information_schema' || schema === 'replicator';
}

/**
 * Whether two relgroups have a table in common, as far as the file alone can tell: the same
 * relgroup, the same pattern, or a pattern without wildcards that the other one matches. Two
 * different patterns with wildcards are taken to be disjoint; the catalogs decide later.
 */
export function relgroupsOverlap(a: RelgroupConfig, b: RelgroupConfig): boolean {
  if (a.name === b.name || a.tables.some((pattern) => b.tables.includes(pattern))) return true;
  const inBoth = (table: TableName) =>
    matchTables(a, [table]).length > 0 && matchTables(b, [table]).length > 0;
  return [...a.tables, ...b.tables].map(literalTable).some((table) => table && inBoth(table));
}

function literalTable(pattern: string): TableName | undefined {
  const { schema, name } = parseTablePattern(pattern);
  if (schema.literal === undefined || name.literal === undefined) return undefined;
  return { schema: schema.literal, name: name.literal };
}
