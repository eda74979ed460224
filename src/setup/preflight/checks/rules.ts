// Rules rewrite statements, and PostgreSQL takes no statement of ours beside some of them: no INSERT …
// ON CONFLICT beside a rule on UPDATE, even one that rests, or one on INSERT that fires for a replica;
// and where versions decide, no DELETE beside one that fires, since ours then stands in a WITH.
// See RewriteQuery and matchLocks in src/backend/rewrite/rewriteHandler.c.
import { hasSeveralWriters } from '../../../config/writers.ts';
import { quoteIdentifier, quoteTable } from '../../../postgres/identifiers.ts';
import { targetEnds } from '../carried-tables.ts';
import type { Check } from '../finding.ts';
import type { TableRule } from '../read/read-tables.ts';

export const rules: Check = {
  name: 'rules',
  category: 'schema',
  find: (facts) =>
    targetEnds(facts).flatMap(({ label, database, table }) =>
      table.rules
        .filter((rule) => isInTheWay(rule, hasSeveralWriters(facts.config, database.name, table)))
        .map(({ name, event }) => ({
          severity: 'error',
          code: 'SCHEMA_DRIFT',
          database: database.name,
          table: label,
          message: `${database.name}: rule ${name} of ${label}, on ${event}, keeps PostgreSQL from taking the statements by which rows are applied`,
          hint: `drop rule ${quoteIdentifier(name)} on ${quoteTable(table)}, and have a trigger do what it did`,
        })),
    ),
};

function isInTheWay({ event, fires }: TableRule, severalWriters: boolean): boolean {
  return event === 'update' || (fires && (event === 'insert' || severalWriters));
}
