// A TRUNCATE is sent with the tables that it emptied, CASCADE resolved, and is executed just so on the
// target: https://www.postgresql.org/docs/current/sql-truncate.html
import { tablePairs, targetEnds } from '../carried-tables.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check, Problem } from '../finding.ts';
import { grantsToOwn } from '../privileges/ownership.ts';

export const truncate: Check = {
  name: 'truncate',
  category: 'schema',
  find: (facts) => [
    ...sequencesOfOthers(facts),
    ...referencesOfOthers(facts),
    ...partitions(facts),
  ],
};

const otherwise = 'or set `truncate: ignore` or `refuse` for the sync';

function sequencesOfOthers(facts: PreflightFacts): Problem[] {
  return targetEnds(facts)
    .filter(({ carried }) => carried.some(({ options }) => options.truncate === 'replicate'))
    .filter(({ table }) => table.foreignSequences.length > 0)
    .map(({ label, database, table }) => ({
      severity: 'warning',
      code: 'PRIVILEGE',
      database: database.name,
      table: label,
      message: `${database.name}: role ${database.role.name} does not own ${table.foreignSequences.join(', ')}, so TRUNCATE … RESTART IDENTITY of ${label} fails there`,
      hint: `${grantsToOwn(database, table).join('; ')}; ${otherwise}`,
    }));
}

/** PostgreSQL refuses to empty a table alone that another one refers to, also one without rows. */
function referencesOfOthers(facts: PreflightFacts): Problem[] {
  const pairs = tablePairs(facts).filter(({ options }) => options.truncate === 'replicate');
  return pairs.flatMap(({ label, subscription, source, sourceTable, target, targetTable }) =>
    targetTable.referencedBy.flatMap((other) => {
      if (other === label) return [];
      const comes = pairs.some(
        (pair) => pair.subscription === subscription && pair.label === other,
      );
      if (comes && sourceTable.referencedBy.includes(other)) return [];
      const why = comes ? `on ${source.name} it does not` : `does not come from ${source.name}`;
      const remedy = comes
        ? `give ${other} the same foreign key on ${source.name}, drop it here`
        : `add ${other} to the relgroup, drop its foreign key`;
      return {
        severity: 'warning',
        code: 'SCHEMA_DRIFT',
        database: target.name,
        table: label,
        message: `${target.name}: ${other} refers to ${label}, and ${why}: TRUNCATE of ${label} fails here`,
        hint: `${remedy}, ${otherwise}`,
      };
    }),
  );
}

function partitions({ carried }: PreflightFacts): Problem[] {
  const partitioned = new Map(
    carried
      .filter(({ sourceTable }) => sourceTable.partitioned)
      .map((each) => [`${each.source.name}:${each.label}`, each]),
  );
  return [...partitioned.values()].map(({ label, source }) => ({
    severity: 'notice',
    code: 'CONFIGURATION',
    database: source.name,
    table: label,
    message: `${source.name}: of ${label}, TRUNCATE, DROP or DETACH of a partition is not sent, so its rows stay on the targets`,
    hint: `do the same on every target, or delete the rows before`,
  }));
}
