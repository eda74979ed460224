// What we support is 13 to 18. Older minor versions lose changes when a table is altered or added
// to a publication while it is written to: https://www.postgresql.org/docs/release/17.6/

import type { Check, Problem } from '../finding.ts';
import { newestMajor, oldestMajor } from '../supported-versions.ts';

const safeMinors: Readonly<Record<number, number>> = { 14: 19, 15: 14, 16: 10, 17: 6 };

export const version: Check = {
  name: 'version',
  category: 'server',
  find: ({ versions }) => [...versions].flatMap(([database, number]) => judge(database, number)),
};

function judge(database: string, number: number): Problem[] {
  const major = Math.floor(number / 10_000);
  const minor = number % 10_000;
  const common = { code: 'CONFIGURATION', database } as const;
  if (major < oldestMajor) {
    const message = `${database}: PostgreSQL ${major} is too old, ${oldestMajor} to ${newestMajor} are supported`;
    return [{ ...common, severity: 'error', message, hint: 'upgrade the server' }];
  }
  if (major > newestMajor) {
    const message = `${database}: PostgreSQL ${major} is untested, ${oldestMajor} to ${newestMajor} are supported`;
    const hint = 'look for a newer version of replicator';
    return [{ ...common, severity: 'warning', message, hint }];
  }
  const safeMinor = safeMinors[major] ?? 0;
  if (minor >= safeMinor) return [];
  const message = `${database}: PostgreSQL ${major}.${minor} can lose changes while a table is altered or joins; ${major}.${safeMinor} does not`;
  const hint = `install the newest ${major}.x and restart the server`;
  return [{ ...common, severity: 'warning', message, hint }];
}
