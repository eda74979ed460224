// What a relgroup names one by one and logical decoding does not carry.
// https://www.postgresql.org/docs/current/logical-replication-restrictions.html
import { tableLabel } from '../../../model/relation.ts';
import { quoteTable } from '../../../postgres/identifiers.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import type { Check, Problem } from '../finding.ts';
import { namedTables } from '../named-tables.ts';
import type { OtherRelation } from '../read/read-relations.ts';

export const notReplicable: Check = {
  name: 'not-replicable',
  category: 'schema',
  find: ({ config, databases }) =>
    [...databases.values()].flatMap((database) => {
      const syncs = config.syncs.filter(({ members }) => members.has(database.name));
      const named = new Set(syncs.flatMap(({ relgroup }) => namedTables(relgroup).map(tableLabel)));
      return database.otherRelations
        .filter((relation) => named.has(tableLabel(relation)))
        .map((relation) => describe(database, relation));
    }),
};

function describe({ name: database }: DatabaseFacts, relation: OtherRelation): Problem {
  const table = tableLabel(relation);
  return {
    severity: 'warning',
    code: 'SCHEMA_DRIFT',
    database,
    table,
    message: `${database}: ${table} is ${relation.kind}, which is not replicated`,
    hint: remedy(relation),
  };
}

function remedy(relation: OtherRelation): string {
  if (relation.kind === 'an unlogged table')
    return `alter table ${quoteTable(relation)} set logged`;
  if (relation.kind === 'a partition') return 'name its partitioned table instead';
  return 'take it out of the relgroup';
}
