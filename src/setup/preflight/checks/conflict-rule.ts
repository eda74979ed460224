// What the rules of a sync with several sources mean for those who write.
import type { PreflightFacts } from '../facts.ts';
import type { Check, Problem } from '../finding.ts';
import { multiSourceSyncs } from '../members.ts';

export const conflictRule: Check = {
  name: 'conflict-rule',
  category: 'conflict',
  find: (facts) => [...latest(facts), ...pausedNowhere(facts), ...truncated(facts)],
};

/** No catalog shows how rows are written, so it is told of every sync. */
function latest({ config }: PreflightFacts): Problem[] {
  return multiSourceSyncs(config)
    .filter(({ sync }) => sync.conflict === 'latest')
    .map(({ sync, sources: [database = ''] }) => ({
      severity: 'notice',
      code: 'CONFIGURATION',
      database,
      message: `${database}: sync ${sync.name} keeps the last commit of a row as a whole: of increments (n = n + 1) or changes of other columns made elsewhere meanwhile nothing stays`,
      hint: 'let each database count in a row of its own, or write such rows on one; `replicator conflicts` lists what lost',
    }));
}

/** A decision is a write on the database that paused: it must go to the others. */
function pausedNowhere({ config }: PreflightFacts): Problem[] {
  return multiSourceSyncs(config)
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
    );
}

/** Unlike the delete of a row it has no version, so it is refused unless the file says otherwise. */
function truncated({ config }: PreflightFacts): Problem[] {
  return multiSourceSyncs(config)
    .filter(({ sync }) => sync.truncate !== 'refuse')
    .map(({ sync, sources: [database = ''] }) => ({
      severity: 'notice',
      code: 'CONFIGURATION',
      database,
      message: `${database}: sync ${sync.name} has several sources and \`truncate: ${sync.truncate}\`: a TRUNCATE can leave the databases different`,
      hint: `use DELETE, which does not, or set \`truncate: refuse\` for the sync`,
    }));
}
