// Changes are applied as a replica, so ordinary triggers and rules rest; these do not.
// https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-DISABLE-ENABLE-TRIGGER
import { tableLabel } from '../../../model/relation.ts';
import { quoteIdentifier, quoteTable } from '../../../postgres/identifiers.ts';
import { targetEnds } from '../carried-tables.ts';
import type { Check } from '../finding.ts';

export const firingTriggers: Check = {
  name: 'firing-triggers',
  category: 'schema',
  find: (facts) =>
    targetEnds(facts).flatMap(({ label, database, table }) =>
      table.firing.map((firing) => ({
        // REPLICA is meant for this; ALWAYS acts on the source and again here.
        severity: firing.when === 'always' ? 'warning' : 'notice',
        code: 'CONFIGURATION',
        database: database.name,
        table: label,
        message: `${database.name}: ${firing.kind} ${firing.title} of ${tableLabel(firing)} is ENABLE ${firing.when.toUpperCase()}: it acts on replicated changes, as role ${database.role.name}`,
        hint: `alter table ${quoteTable(firing)} enable ${firing.kind} ${quoteIdentifier(firing.title)}`,
      })),
    ),
};
