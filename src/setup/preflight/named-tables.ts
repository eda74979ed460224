// Tables that a relgroup names one by one. Whoever does that means that very table, whereas a
// wildcard passes over what cannot be replicated.
import type { RelgroupConfig } from '../../config/config.ts';
import { matchTables } from '../../config/match-tables.ts';
import { parseTablePattern } from '../../config/table-pattern.ts';
import type { TableName } from '../../model/relation.ts';

export function namedTables(relgroup: RelgroupConfig): TableName[] {
  const named = relgroup.tables.flatMap((pattern) => {
    const { schema, name } = parseTablePattern(pattern);
    if (schema.literal === undefined || name.literal === undefined) return [];
    return { schema: schema.literal, name: name.literal };
  });
  return matchTables(relgroup, named);
}

export function hasWildcard(pattern: string): boolean {
  const { schema, name } = parseTablePattern(pattern);
  return schema.literal === undefined || name.literal === undefined;
}
