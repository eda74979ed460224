// Slots, walsenders and origins belong to the whole server, so databases that share one are counted
// together. What exists already for us is not needed again; a copy takes one more slot for a while.
import { originName } from '../../../postgres/object-names.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check, Problem } from '../finding.ts';
import { sourcesAmong } from '../members.ts';

export const capacity: Check = {
  name: 'capacity',
  category: 'server',
  find: (facts) => {
    const servers = new Map<string, DatabaseFacts[]>();
    for (const database of facts.databases.values()) {
      const { systemIdentifier } = database.identity;
      servers.set(systemIdentifier, [...(servers.get(systemIdentifier) ?? []), database]);
    }
    return [...servers.values()].flatMap((databases) =>
      limitsOf(facts, databases).flatMap((limit) => compare(limit, databases)),
    );
  },
};

interface Limit {
  readonly what: string;
  readonly setting: string;
  readonly max: number;
  readonly inUse: number;
  readonly needed: number;
}

function limitsOf(facts: PreflightFacts, databases: readonly DatabaseFacts[]): Limit[] {
  const server = databases[0]?.server;
  const major = databases[0]?.identity.major ?? 0;
  if (server === undefined) return [];
  const sources = sourcesAmong(facts).filter((source) => databases.includes(source));
  const copies = sources.filter((source) => hasCopyAhead(facts, source)).length;
  const slots = sources.filter((source) => source.server.slot === undefined).length;
  const walSenders = sources.filter((source) => source.server.ourWalSenders === 0).length;
  const origins = originsOf(facts).filter(({ source, target }) => {
    const to = databases.find(({ name }) => name === target);
    const name = to?.state?.content?.origins[source] ?? originName(source, target);
    return to !== undefined && !server.origins.includes(name);
  }).length;
  return [
    {
      what: 'replication slots',
      setting: 'max_replication_slots',
      max: server.maxReplicationSlots,
      inUse: server.slotsInUse,
      needed: slots + copies,
    },
    {
      what: 'walsenders',
      setting: 'max_wal_senders',
      max: server.maxWalSenders,
      inUse: server.walSendersInUse,
      needed: walSenders + copies,
    },
    {
      what: 'replication origins',
      setting: major >= 18 ? 'max_active_replication_origins' : 'max_replication_slots',
      max: server.maxOrigins,
      inUse: server.origins.length,
      needed: origins,
    },
  ];
}

/** One for each subscription, and for each database that is a target of its own stream. */
function originsOf({ config: { subscriptions, ownStreams } }: PreflightFacts) {
  return [...subscriptions, ...ownStreams.map((name) => ({ source: name, target: name }))];
}

function hasCopyAhead(facts: PreflightFacts, source: DatabaseFacts): boolean {
  return facts.carried.some(
    (each) => each.source === source && each.options.initialCopy !== 'none' && !each.joined,
  );
}

function compare(limit: Limit, databases: readonly DatabaseFacts[]): Problem[] {
  const { what, setting, max, inUse, needed } = limit;
  const free = Math.max(0, max - inUse);
  if (needed <= free) return [];
  const database = databases[0]?.name ?? '';
  const names = databases.map(({ name }) => name).join(' and ');
  return [
    {
      severity: 'error',
      code: 'CONFIGURATION',
      database,
      message: `${names}: ${needed} more ${what} needed, ${free} free (${setting} = ${max}, ${inUse} in use)`,
      hint: `alter system set ${setting} = ${inUse + needed}; then restart the server`,
    },
  ];
}
