// A publication of somebody else that is FOR ALL TABLES publishes our own tables too, and native
// subscribers stop at a table that they do not have.
import type { Check } from '../finding.ts';

export const allTablesPublication: Check = {
  name: 'all-tables-publication',
  category: 'publication',
  find: ({ databases }) =>
    [...databases.values()].flatMap(({ name: database, publications }) =>
      publications.ofAllTables.map((publication) => ({
        severity: 'warning',
        code: 'CONFIGURATION',
        database,
        message: `${database}: publication ${publication} is FOR ALL TABLES, so it sends the tables of schema replicator to its subscribers`,
        hint: 'let it name its tables, or their schemas (FOR TABLES IN SCHEMA, from 15 on)',
      })),
    ),
};
