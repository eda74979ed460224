// Settings of a source that decide how long its slot, and the WAL behind it, are kept.

import type { DatabaseFacts } from '../database-facts.ts';
import type { Check, Problem } from '../finding.ts';
import { sourcesAmong } from '../members.ts';

export const slotSettings: Check = {
  name: 'slot-settings',
  category: 'server',
  find: (facts) => sourcesAmong(facts).flatMap(judge),
};

const reload = 'select pg_reload_conf()';

function judge({ name: database, server }: DatabaseFacts): Problem[] {
  const problems: Problem[] = [];
  const common = { code: 'CONFIGURATION', database } as const;
  if (!['0', null].includes(server.idleReplicationSlotTimeout))
    problems.push({
      ...common,
      severity: 'warning',
      message: `${database}: idle_replication_slot_timeout = ${server.idleReplicationSlotTimeout}: a longer pause costs the slot, and every target must be copied anew`,
      hint: `alter system set idle_replication_slot_timeout = 0; ${reload}`,
    });
  if (server.maxSlotWalKeepSize === '-1')
    problems.push({
      ...common,
      severity: 'notice',
      message: `${database}: max_slot_wal_keep_size = -1: WAL is kept without limit while a target is behind, until the disk is full`,
      hint: 'slots.give_up_at bounds it while replicator runs; a limit here bounds it always, and costs the slot once it is passed',
    });
  if (server.walSenderTimeout === '0')
    problems.push({
      ...common,
      severity: 'notice',
      message: `${database}: wal_sender_timeout = 0: a connection that died unnoticed keeps the slot busy`,
      hint: `alter system set wal_sender_timeout = '1min'; ${reload}`,
    });
  return problems;
}
