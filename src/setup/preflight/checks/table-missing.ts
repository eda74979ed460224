// Tables that are on one database and not on another, and tables that a relgroup names in vain.
import type { SyncConfig } from '../../../config/config.ts';
import { sourcesOf } from '../../../config/resolve-syncs.ts';
import { type TableName, tableLabel } from '../../../model/relation.ts';
import type { CarriedTable } from '../carried-tables.ts';
import { createTable } from '../create-table.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check, Problem } from '../finding.ts';
import { namedTables } from '../named-tables.ts';

export const tableMissing: Check = {
  name: 'table-missing',
  category: 'schema',
  find: (facts) => {
    const found = [
      ...facts.config.syncs.flatMap((sync) => missingOnSources(facts, sync)),
      // Last, as it can say how to make the table.
      ...facts.carried.flatMap(missingOnTarget),
    ];
    return [...new Map(found.map((each) => [`${each.database}:${each.table}`, each])).values()];
  },
};

function missingOnTarget(carried: CarriedTable): Problem[] {
  const { label, source, sourceTable, target, targetTable } = carried;
  if (target === undefined || targetTable !== undefined) return [];
  const other = otherRelation(target, sourceTable);
  const message =
    other === undefined
      ? `${target.name}: table ${label} of ${source.name} does not exist`
      : `${target.name}: ${label} is ${other.kind}, and on ${source.name} an ordinary table`;
  const hint = sourceTable.partitioned
    ? `pg_dump --schema-only copies it from ${source.name} with its partitions`
    : createTable(sourceTable);
  return [
    {
      severity: 'error',
      code: 'SCHEMA_DRIFT',
      database: target.name,
      table: label,
      message,
      hint: other === undefined ? hint : 'make it an ordinary table, or exclude it',
    },
  ];
}

function missingOnSources({ databases }: PreflightFacts, sync: SyncConfig): Problem[] {
  return sourcesOf(sync.members).flatMap((name) => {
    const source = databases.get(name);
    if (source === undefined) return [];
    return namedTables(sync.relgroup)
      .filter((table) => !source.tables.has(tableLabel(table)) && !otherRelation(source, table))
      .map((table): Problem => {
        const label = tableLabel(table);
        return {
          severity: 'error',
          code: 'SCHEMA_DRIFT',
          database: name,
          table: label,
          message: `${name}: table ${label} of relgroup ${sync.relgroup.name} does not exist`,
          hint: 'create it, or take it out of the relgroup',
        };
      });
  });
}

function otherRelation({ otherRelations }: DatabaseFacts, { schema, name }: TableName) {
  return otherRelations.find((other) => other.schema === schema && other.name === name);
}
