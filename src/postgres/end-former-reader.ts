// Who is gone may leave a session behind that has a slot, and nobody else can read or make it meanwhile: a network
// that forgets a connection leaves its walsender for as long as wal_sender_timeout says, and one that waits for a
// transaction does not see that nobody waits for it.
import type { Purpose } from './client-config.ts';
import { endBackend } from './end-backend.ts';
import type { Session } from './session.ts';

const formerReader = `
  select a.pid::text as pid, a.backend_start::text as start
  from pg_catalog.pg_replication_slots s
  join pg_catalog.pg_stat_activity a on a.pid = s.active_pid
  where s.slot_name = $1 and s.database = current_database() and a.usename = session_user
    and a.application_name = pg_catalog.format('replicator/%s/%s', $2::text, $3::text)`;

/**
 * To be called by the owner of the source only, before it reads or makes the slot: whatever replicator had it for that
 * `purpose` does so no more for anybody. A stranger's session is left alone.
 */
export async function endFormerReader(
  session: Session,
  slot: string,
  purpose: Extract<Purpose, 'walsender' | 'copy'>,
): Promise<void> {
  const readers = await session.query<{ pid: string; start: string }>(formerReader, [
    slot,
    session.database.name,
    purpose,
  ]);
  for (const reader of readers) await endBackend(session, reader);
}
