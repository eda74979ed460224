// PostgreSQL checks deferrable constraints by triggers, which rest for a replica.
// https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-SESSION-REPLICATION-ROLE
import { hasSeveralWriters } from '../../../config/writers.ts';
import { targetEnds } from '../carried-tables.ts';
import type { Check } from '../finding.ts';

export const deferrableConstraint: Check = {
  name: 'deferrable-constraint',
  category: 'schema',
  // With several writers contested-unique refuses them.
  find: (facts) =>
    targetEnds(facts)
      .filter(({ database, table }) => !hasSeveralWriters(facts.config, database.name, table))
      .flatMap(({ label, database, table }) =>
        table.uniqueIndexes
          .filter(({ deferrable }) => deferrable)
          .map(({ name }) => ({
            severity: 'warning',
            code: 'CONFIGURATION',
            database: database.name,
            table: label,
            message: `${database.name}: constraint ${name} of ${label} is deferrable, and PostgreSQL does not check such for replicated rows: what is written here can clash with them unseen`,
            hint: 'make it not deferrable, or do not write to the table here',
          })),
      ),
};
