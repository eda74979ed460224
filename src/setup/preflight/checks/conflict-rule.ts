// What `conflict: latest` does today, said where it matters.
import type { Check } from '../finding.ts';
import { multiSourceSyncs } from '../members.ts';

export const conflictRule: Check = {
  name: 'conflict-rule',
  category: 'conflict',
  find: ({ config }) =>
    multiSourceSyncs(config).map(({ sync, sources }) => ({
      severity: 'notice',
      code: 'CONFIGURATION',
      database: sources[0] ?? '',
      message: `sync ${sync.name}: when ${sources.join(' and ')} change one row at the same time, each applies the other's change for now and counts the conflict`,
      hint: 'let each row be written on one database, until versions of rows decide',
    })),
};
