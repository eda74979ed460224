// A decision about a paused conflict is a write on the database that paused: it must go to the others.
import type { Check } from '../finding.ts';
import { multiSourceSyncs } from '../members.ts';

export const conflictRule: Check = {
  name: 'conflict-rule',
  category: 'conflict',
  find: ({ config }) =>
    multiSourceSyncs(config)
      .filter(({ sync }) => sync.conflict === 'pause')
      .flatMap(({ sync, sources }) =>
        [...sync.members.keys()]
          .filter((name) => !sources.includes(name))
          .map((database) => ({
            severity: 'notice',
            code: 'CONFIGURATION',
            database,
            message: `${database}: receives only, so conflict: pause of sync ${sync.name} is latest here`,
            hint: 'nothing to do: the sources of the sync pause, and it follows them',
          })),
      ),
};
