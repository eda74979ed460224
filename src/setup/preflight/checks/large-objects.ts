// Large objects are in no publication: a column that points at one points at nothing on a target, or
// at an object that happens to have the same number there.
// https://www.postgresql.org/docs/current/logical-replication-restrictions.html
import { quoteIdentifier } from '../../../postgres/identifiers.ts';
import { sourceEnds } from '../carried-tables.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check, Problem } from '../finding.ts';
import { sourcesAmong } from '../members.ts';

export const largeObjects: Check = {
  name: 'large-objects',
  category: 'schema',
  find: (facts) => {
    const pointers = pointersToThem(facts);
    const pointing = new Set(pointers.map(({ database }) => database));
    const rest = sourcesAmong(facts)
      .filter(({ name, largeObjects }) => largeObjects && !pointing.has(name))
      .map(({ name: database }) => ({
        severity: 'notice' as const,
        code: 'CONFIGURATION' as const,
        database,
        message: `${database}: holds large objects, which are not replicated`,
        hint: `keep what must be on the other databases in a column of type bytea`,
      }));
    return [...pointers, ...rest];
  },
};

function pointersToThem(facts: PreflightFacts): Problem[] {
  return sourceEnds(facts)
    .filter(({ database }) => database.largeObjects)
    .flatMap(({ label, database, table }) =>
      table.columns
        // That of a domain, such as lo of the extension of that name, is its base type.
        .filter(({ castType }) => castType === 'oid' || castType === 'oid[]')
        .map(({ name, declaredType }) => ({
          severity: 'warning',
          code: 'CONFIGURATION',
          database: database.name,
          table: label,
          column: name,
          message: `${database.name}: ${label}, column ${name} is of type ${declaredType}, and there are large objects: these are not replicated, so it would point at nothing elsewhere`,
          hint: `if it points at them, keep their bytes in the row: a column of type bytea, filled with lo_get(${quoteIdentifier(name)})`,
        })),
    );
}
