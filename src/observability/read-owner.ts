// Which process reads a source and writes to its targets, and how many would take its place.
import type { Session } from '../postgres/session.ts';
import type { OwnerStatus } from './status.ts';

const ownerQuery = `
  select l.host, l.pid::text as pid, l.since::text as since, l.epoch::text as epoch,
         (l.owner is not null)::text as owned,
         coalesce(bool_or(a.pid = l.backend_pid), false)::text as connected,
         count(*) filter (where a.pid is distinct from l.backend_pid and a.pid is not null)::text
           as standing_by
  from replicator.lease l
  left join pg_catalog.pg_stat_activity a
    on a.datname = current_database() and a.application_name ~ ('^replicator/' || $1 || '/lease( |$)')
  group by l.only_row`;

/** Undefined before the set-up. */
export async function readOwner(session: Session): Promise<OwnerStatus | undefined> {
  const source = session.database.name;
  const [row] = await session.query(ownerQuery, [source]);
  if (row === undefined || row['epoch'] === '0') return undefined;
  const owned = row['owned'] === 'true';
  return {
    source,
    host: owned ? (row['host'] ?? null) : null,
    pid: owned ? Number(row['pid']) : null,
    since: owned ? (row['since'] ?? null) : null,
    epoch: Number(row['epoch']),
    connected: owned && row['connected'] === 'true',
    standingBy: Number(row['standing_by']),
  };
}
