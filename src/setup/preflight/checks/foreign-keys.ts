// Changes are applied as a replica, so foreign keys are not looked at and ON DELETE does nothing: what
// they did on the source comes as changes of its own. So they hold where all rows come from one database.
// https://www.postgresql.org/docs/current/logical-replication-conflicts.html
import { writersOf } from '../../../config/writers.ts';
import { type TableEnd, targetEnds } from '../carried-tables.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check, Problem } from '../finding.ts';

export const foreignKeys: Check = {
  name: 'foreign-keys',
  category: 'conflict',
  find: (facts) => {
    const found = new Map<string, Problem>();
    for (const end of targetEnds(facts))
      for (const other of end.table.referencedBy) {
        const writers = writersOfBoth(facts, end, other);
        // The same on every database of a sync, so it is told once.
        const key = [other, end.label, ...writers].join(' ');
        if (writers.length > 1 && !found.has(key)) found.set(key, told(end, other, writers));
      }
    return [...found.values()];
  },
};

/** What is not replicated is written where it is. */
function writersOfBoth(
  { config }: PreflightFacts,
  { database, table }: TableEnd,
  other: string,
): string[] {
  const referring = database.tables.get(other);
  const ofReferring = referring === undefined ? [] : writersOf(config, database.name, referring);
  const all = [
    ...writersOf(config, database.name, table),
    ...(ofReferring.length > 0 ? ofReferring : [database.name]),
  ];
  return [...config.databases.keys()].filter((name) => all.includes(name));
}

function told({ label, database }: TableEnd, other: string, writers: readonly string[]): Problem {
  const referring = other === label ? 'rows that refer to it' : `rows of ${other}`;
  return {
    severity: 'notice',
    code: 'CONFIGURATION',
    database: database.name,
    table: label,
    message: `${database.name}: a row of ${label} can be deleted on one of ${writers.join(', ')} while ${referring} are added on another: these stay, without it`,
    hint: `write to both on one database, or mark rows of ${label} as gone and delete them once nobody can refer to them`,
  };
}
