// What a promotion of a standby would cost: of a source the slot, of either what was not there yet.
// https://www.postgresql.org/docs/current/logicaldecoding-explanation.html#LOGICALDECODING-REPLICATION-SLOTS-SYNCHRONIZATION
import { slotName } from '../../../postgres/object-names.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import type { Check, Problem } from '../finding.ts';
import { sourcesAmong, targetsAmong } from '../members.ts';
import { standbyNames } from './synchronous-standby.ts';

export const failover: Check = {
  name: 'failover',
  category: 'server',
  find: (facts) => [
    ...sourcesAmong(facts).filter(hasStandby).flatMap(judgeSource),
    ...targetsAmong(facts).flatMap(judgeTarget),
  ],
};

function hasStandby({ server }: DatabaseFacts): boolean {
  return server.standbys > 0 || server.physicalSlots.length > 0;
}

function judgeSource({ name: database, identity, server }: DatabaseFacts): Problem[] {
  const common = { code: 'CONFIGURATION', database } as const;
  const slot = slotName(database);
  if (identity.major < 17)
    return [
      {
        ...common,
        severity: 'notice',
        message: `${database}: has standbys, and before PostgreSQL 17 slot ${slot} is not on them: once one is promoted, every target must be copied anew`,
        hint: 'upgrade to 17 or newer',
      },
    ];
  if (server.slot !== undefined && !server.slot.failover)
    return [
      {
        ...common,
        severity: 'warning',
        message: `${database}: has standbys, and slot ${slot} was not made to be on them: once one is promoted, every target must be copied anew`,
        hint: `while no replicator runs, over a replication connection: ALTER_REPLICATION_SLOT ${slot} (FAILOVER true)`,
      },
    ];
  const waitedFor = standbyNames(server.synchronizedStandbySlots ?? '');
  const missing = server.physicalSlots.filter((name) => !waitedFor.includes(name));
  if (missing.length === 0 && server.physicalSlots.length > 0) return [];
  const slots = server.physicalSlots.join(', ') || '<the slots of your standbys>';
  return [
    {
      ...common,
      severity: 'warning',
      message: `${database}: targets may get what its standbys have not yet (synchronized_standby_slots = '${server.synchronizedStandbySlots ?? ''}'): once one is promoted, they must be copied anew`,
      hint: `alter system set synchronized_standby_slots = '${slots}'; select pg_reload_conf(); and on each standby: sync_replication_slots = on, hot_standby_feedback = on, primary_slot_name, and dbname in primary_conninfo`,
    },
  ];
}

/** Without a standby that is synchronous or named, durable means on its own disk. */
function judgeTarget(facts: DatabaseFacts): Problem[] {
  const { name: database, config, server } = facts;
  if (config.standbySlots.length > 0) return config.standbySlots.flatMap(judgeNamed(facts));
  if (server.synchronousStandbyNames !== '' || !hasStandby(facts)) return [];
  return [
    {
      severity: 'notice',
      code: 'CONFIGURATION',
      database,
      message: `${database}: its standbys are not synchronous: once one is promoted that lacks the latest changes, they are not sent again, and it must be copied anew`,
      hint: `name their slots in the file (databases.${database}.standby_slots), or make them synchronous (synchronous_standby_names)`,
    },
  ];
}

/** Without it nothing is confirmed to the sources any more, which keep WAL for as long. */
function judgeNamed({ name: database, server }: DatabaseFacts): (slot: string) => Problem[] {
  return (slot) => {
    if (server.connectedStandbySlots.includes(slot)) return [];
    const isThere = server.physicalSlots.includes(slot);
    return [
      {
        severity: 'warning',
        code: 'CONFIGURATION',
        database,
        message: isThere
          ? `${database}: no standby is connected to slot ${slot}, which standby_slots names: its sources keep WAL until one is`
          : `${database}: standby_slots names ${slot}, which is no physical slot there: its sources keep WAL for it`,
        hint: isThere
          ? `start the standby whose primary_slot_name is ${slot}, or take it out of standby_slots`
          : `select pg_create_physical_replication_slot('${slot}', true) and let a standby use it, or take it out of standby_slots`,
      },
    ];
  };
}
