// Where rows can conflict, the commit time of a row decides: every member must keep it.
// https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-TRACK-COMMIT-TIMESTAMP
import { hasSeveralWriters } from '../../../config/writers.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { multiSourceSyncs } from '../members.ts';

export const commitTimestamps: Check = {
  name: 'commit-timestamps',
  category: 'conflict',
  find: (facts) => {
    const places = meetingPlaces(facts);
    return [...facts.databases.values()]
      .filter(({ name, server }) => places.has(name) && !server.trackCommitTimestamp)
      .map(({ name: database }) => ({
        severity: 'error',
        code: 'CONFIGURATION',
        database,
        message: `${database}: track_commit_timestamp is off, and rows here have several writers: the later commit could not be told`,
        hint: 'alter system set track_commit_timestamp = on; then restart the server',
      }));
  },
};

/** Where rows of several databases meet, whether or not there are tables yet. */
function meetingPlaces(facts: PreflightFacts): Set<string> {
  const members = multiSourceSyncs(facts.config).flatMap(({ sync }) => [...sync.members.keys()]);
  // Several syncs, each with one source, can still meet on a target.
  for (const { subscription, sourceTable } of facts.carried)
    if (hasSeveralWriters(facts.config, subscription.target, sourceTable))
      members.push(subscription.target);
  return new Set(members);
}
