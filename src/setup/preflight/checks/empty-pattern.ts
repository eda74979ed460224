// A wildcard that matches nothing is probably misspelt.
import type { SyncConfig } from '../../../config/config.ts';
import { matchTables } from '../../../config/match-tables.ts';
import { sourcesOf } from '../../../config/resolve-syncs.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check, Problem } from '../finding.ts';
import { hasWildcard } from '../named-tables.ts';

export const emptyPattern: Check = {
  name: 'empty-pattern',
  category: 'configuration',
  find: (facts) => {
    const found = facts.config.syncs.flatMap((sync) => emptyPatterns(facts, sync));
    return [...new Map(found.map((problem) => [problem.message, problem])).values()];
  },
};

function emptyPatterns({ databases }: PreflightFacts, sync: SyncConfig): Problem[] {
  const names = sourcesOf(sync.members);
  const sources = names.flatMap((name) => databases.get(name) ?? []);
  // One that did not answer may have what the others lack.
  if (sources.length < names.length) return [];
  const matchesNothing = (pattern: string) =>
    sources.every(
      ({ tables }) =>
        matchTables({ tables: [pattern], exclude: sync.relgroup.exclude }, [...tables.values()])
          .length === 0,
    );
  return sync.relgroup.tables
    .filter((pattern) => hasWildcard(pattern) && matchesNothing(pattern))
    .map((pattern) => ({
      severity: 'warning',
      code: 'CONFIGURATION',
      database: names[0] ?? '',
      message: `${names.join(', ')}: ${pattern} of relgroup ${sync.relgroup.name} matches no table that can be replicated`,
      hint: 'correct the pattern, or create the table',
    }));
}
