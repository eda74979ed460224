// Where rows can conflict, the commit time of a row decides: every member must keep it.
// https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-TRACK-COMMIT-TIMESTAMP
import { writersAt } from '../carried-tables.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { multiSourceSyncs } from '../members.ts';

export const commitTimestamps: Check = {
  name: 'commit-timestamps',
  category: 'conflict',
  find: (facts) => {
    const members = conflicting(facts);
    return [...facts.databases.values()]
      .filter(({ name, server }) => members.has(name) && !server.trackCommitTimestamp)
      .map(({ name: database }) => ({
        // Nothing reads them until versions of rows decide conflicts; turning them on needs a restart.
        severity: 'warning',
        code: 'CONFIGURATION',
        database,
        message: `${database}: track_commit_timestamp is off, and rows here can have several writers`,
        hint: 'alter system set track_commit_timestamp = on; then restart the server',
      }));
  },
};

function conflicting(facts: PreflightFacts): Set<string> {
  const members = multiSourceSyncs(facts.config).flatMap(({ sync }) => [...sync.members.keys()]);
  // Several syncs, each with one source, can still meet on a target.
  for (const { label, subscription } of facts.carried) {
    const writers = writersAt(facts, subscription.target, label);
    if (writers.length > 1) members.push(subscription.target, ...writers);
  }
  return new Set(members);
}
