// A target that cannot follow gets a slot of its own, and a walsender once it comes back. Without
// them it holds up the other targets of its source.
import type { DatabaseFacts } from '../database-facts.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check, Problem } from '../finding.ts';
import { sourcesAmong } from '../members.ts';

export const spareSlots: Check = {
  name: 'spare-slots',
  category: 'server',
  find: (facts) => sourcesAmong(facts).flatMap((source) => judge(facts, source)),
};

function judge({ config }: PreflightFacts, source: DatabaseFacts): Problem[] {
  const { name: database, server, state } = source;
  const made = Object.values(state?.content?.slots ?? {}).map(({ target }) => target);
  const all = config.subscriptions
    .filter(({ source: from }) => from === database)
    .map(({ target }) => target)
    .concat(config.ownStreams.filter((name) => name === database));
  const targets = all.filter((target) => !made.includes(target)).length;
  // A single one holds up nobody.
  const wanted = targets > 1 ? targets : 0;
  const ownSlot = server.slot === undefined ? 1 : 0;
  const ownSender = server.ourWalSenders === 0 ? 1 : 0;
  return [
    ...compare('replication slots', 'max_replication_slots', {
      free: server.maxReplicationSlots - server.slotsInUse - ownSlot,
      max: server.maxReplicationSlots,
    }),
    ...compare('walsenders', 'max_wal_senders', {
      free: server.maxWalSenders - server.walSendersInUse - ownSender,
      max: server.maxWalSenders,
    }),
  ];

  function compare(
    what: string,
    setting: string,
    { free, max }: { free: number; max: number },
  ): Problem[] {
    // What lacks altogether is told by `capacity`.
    if (free < 0 || wanted <= free) return [];
    return [
      {
        severity: 'warning',
        code: 'CONFIGURATION',
        database,
        message: `${database}: ${free} ${what} are free for its ${targets} targets (${setting} = ${max}): when more of them cannot follow, they hold up the others`,
        hint: `alter system set ${setting} = ${max + wanted - free}; then restart the server`,
      },
    ];
  }
}
