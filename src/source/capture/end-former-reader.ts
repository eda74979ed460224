// A network that forgets a connection leaves its walsender alone with the slot, for as long as
// wal_sender_timeout says, and nobody else can read it meanwhile.
import { endBackend } from '../../postgres/end-backend.ts';
import type { Session } from '../../postgres/session.ts';

const formerReader = `
  select a.pid::text as pid, a.backend_start::text as start
  from pg_catalog.pg_replication_slots s
  join pg_catalog.pg_stat_activity a on a.pid = s.active_pid
  where s.slot_name = $1 and a.usename = session_user
    and a.application_name = pg_catalog.format('replicator/%s/walsender', $2::text)`;

/**
 * To be called by the owner of the source only, before it reads the slot: whatever replicator reads
 * it then does so no more for anybody. A stranger's session is left alone.
 */
export async function endFormerReader(session: Session, slot: string): Promise<void> {
  const readers = await session.query<{ pid: string; start: string }>(formerReader, [
    slot,
    session.database.name,
  ]);
  for (const reader of readers) await endBackend(session, reader);
}
