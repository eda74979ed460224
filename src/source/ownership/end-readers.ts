// What an earlier owner may have left behind on the source: sessions that read our slots, which only
// one can do at a time, and the one that renewed its lease.
import { type Backend, endBackend } from '../../postgres/end-backend.ts';
import { slotName } from '../../postgres/object-names.ts';
import type { Session } from '../../postgres/session.ts';

// An ordinary session that has a slot is making it: our own set-up, most often, or that of `init`.
const readersQuery = `
  select a.pid::text as pid, a.backend_start::text as start
  from pg_catalog.pg_replication_slots s
  join pg_catalog.pg_stat_activity a on a.pid = s.active_pid
  where s.database = current_database()
    and (s.slot_name = $1 or starts_with(s.slot_name, $1 || '__') or starts_with(s.slot_name, $2))
    and a.backend_type = 'walsender' and a.backend_start is not null`;

/** A frozen process must not hold up the one that has taken its place. */
export async function endReaders(session: Session, renewer: Backend | undefined): Promise<void> {
  const { name } = session.database;
  const readers = await session.query<{ pid: string; start: string }>(readersQuery, [
    slotName(name),
    `replicator_copy_${name}__`,
  ]);
  for (const backend of renewer === undefined ? readers : [renewer, ...readers])
    await endBackend(session, backend);
}
