// The settings of a server that decide whether and how it can take part, and what of its limits
// is in use.
import { slotName } from '../../../postgres/object-names.ts';
import type { Session } from '../../../postgres/session.ts';
import { readJson } from './read-json.ts';

export interface ServerState {
  /** Tells two servers with the same system identifier apart. */
  readonly startedAt: string;
  readonly readOnly: boolean;
  readonly encoding: string;
  readonly walLevel: string;
  readonly trackCommitTimestamp: boolean;
  readonly synchronousStandbyNames: string;
  /** Settings as SHOW gives them, with units; null where this version has none. */
  readonly walSenderTimeout: string;
  readonly maxSlotWalKeepSize: string;
  readonly idleReplicationSlotTimeout: string | null;
  readonly maxReplicationSlots: number;
  readonly maxWalSenders: number;
  /** How many origins can have progress; before 18 as many as slots. */
  readonly maxOrigins: number;
  readonly slotsInUse: number;
  readonly walSendersInUse: number;
  /** Of those, the ones that stream this database's slot to us. */
  readonly ourWalSenders: number;
  readonly origins: readonly string[];
  /** Connections that stream WAL as it is, and slots that are kept for such. */
  readonly standbys: number;
  readonly physicalSlots: readonly string[];
  /** Of those, the ones that a standby reads. */
  readonly connectedStandbySlots: readonly string[];
  /** Null before 17. */
  readonly synchronizedStandbySlots: string | null;
  /** The slot of this database as a source; undefined when there is none of that name. */
  readonly slot: SlotFacts | undefined;
}

export interface SlotFacts {
  readonly plugin: string;
  readonly database: string;
  readonly temporary: boolean;
  readonly twoPhase: boolean;
  /** Standbys may keep a copy of it; never before 17. */
  readonly failover: boolean;
  readonly walStatus: string | null;
}

// to_jsonb of a whole row, because columns differ between versions. From 19 on the level that is in
// effect may be higher than the one that is set.
const serverQuery = `
  select json_build_object(
    'startedAt', pg_postmaster_start_time(),
    'readOnly', current_setting('transaction_read_only') = 'on',
    'encoding', current_setting('server_encoding'),
    'walLevel', coalesce(current_setting('effective_wal_level', true),
                         current_setting('wal_level')),
    'trackCommitTimestamp', current_setting('track_commit_timestamp') = 'on',
    'synchronousStandbyNames', current_setting('synchronous_standby_names'),
    'walSenderTimeout', current_setting('wal_sender_timeout'),
    'maxSlotWalKeepSize', current_setting('max_slot_wal_keep_size'),
    'idleReplicationSlotTimeout', current_setting('idle_replication_slot_timeout', true),
    'maxReplicationSlots', current_setting('max_replication_slots')::int,
    'maxWalSenders', current_setting('max_wal_senders')::int,
    'maxOrigins', coalesce(current_setting('max_active_replication_origins', true),
                           current_setting('max_replication_slots'))::int,
    'slotsInUse', (select count(*) from pg_catalog.pg_replication_slots),
    'walSendersInUse', (select count(*) from pg_catalog.pg_stat_replication),
    'ourWalSenders', (select count(*) from pg_catalog.pg_stat_replication
                      where application_name = $2),
    'origins', (select coalesce(json_agg(roname order by roname), '[]')
                from pg_catalog.pg_replication_origin),
    'standbys', (select count(*) from pg_catalog.pg_stat_replication r
                 where not exists (select from pg_catalog.pg_replication_slots s
                                   where s.active_pid = r.pid and s.slot_type = 'logical')),
    'physicalSlots', (select coalesce(json_agg(slot_name order by slot_name), '[]')
                      from pg_catalog.pg_replication_slots
                      where slot_type = 'physical' and not temporary),
    'connectedStandbySlots', (select coalesce(json_agg(slot_name order by slot_name), '[]')
                              from pg_catalog.pg_replication_slots
                              where slot_type = 'physical' and active),
    'synchronizedStandbySlots', current_setting('synchronized_standby_slots', true),
    'slot', (select json_build_object(
               'plugin', s.plugin, 'database', s.database, 'temporary', s.temporary,
               'twoPhase', coalesce((to_jsonb(s) ->> 'two_phase')::boolean, false),
               'failover', coalesce((to_jsonb(s) ->> 'failover')::boolean, false),
               'walStatus', s.wal_status)
             from pg_catalog.pg_replication_slots s where s.slot_name = $1))::text as json`;

export async function readServer(session: Session): Promise<ServerState> {
  const { name } = session.database;
  const state = await readJson<ServerState & { slot: SlotFacts | null }>(session, serverQuery, [
    slotName(name),
    walSenderName(name),
  ]);
  return { ...state, slot: state.slot ?? undefined };
}

/** application_name of the connection that streams a source. */
export function walSenderName(source: string): string {
  return `replicator/${source}/walsender`;
}
