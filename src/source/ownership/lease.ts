// The lease of a source: a row on the source itself, so that whoever can read the source can tell
// whose it is. An owner has the row; each later owner has a greater epoch.
import type { Backend } from '../../postgres/end-backend.ts';
import type { Session } from '../../postgres/session.ts';

/** A process that may own sources. */
export interface Owner {
  /** A UUID: another one in every process. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
}

export interface Lease {
  readonly epoch: bigint;
  /** Undefined when the last owner was stopped in order, and before the first one. */
  readonly owner: (Owner & { readonly since: string }) | undefined;
  /** The session through which the owner renews it. */
  readonly backend: Backend | undefined;
  /** It is there. A frozen process keeps it. */
  readonly connected: boolean;
  /** Another one after every renewal; undefined when it is hidden from our role. */
  readonly sign: string | undefined;
}

const leaseQuery = `
  select l.epoch::text as epoch, l.owner::text as owner, l.host, l.pid::text as pid,
         l.since::text as since, l.backend_pid::text as backend_pid,
         l.backend_start::text as backend_start, (a.pid is not null)::text as connected,
         case when a.backend_start is not null then a.application_name end as sign
  from replicator.lease l
  left join pg_catalog.pg_stat_activity a
    on a.pid = l.backend_pid and (a.backend_start = l.backend_start or a.backend_start is null)`;

/** Undefined while the source is not set up. */
export async function readLease(session: Session): Promise<Lease | undefined> {
  const { found } = await session.one(
    `select (to_regclass('replicator.lease') is not null)::text as found`,
  );
  if (found !== 'true') return undefined;
  const [row] = await session.query(leaseQuery);
  if (row === undefined) return undefined;
  const { epoch, owner, host, pid, since, backend_pid, backend_start, connected, sign } = row;
  return {
    epoch: BigInt(epoch ?? 0),
    owner:
      owner == null
        ? undefined
        : { id: owner, host: host ?? '', pid: Number(pid), since: since ?? '' },
    backend:
      backend_pid == null || backend_start == null
        ? undefined
        : { pid: backend_pid, start: backend_start },
    connected: connected === 'true',
    sign: sign ?? undefined,
  };
}

const throughThisSession = `backend_pid = pg_catalog.pg_backend_pid(),
      backend_start = (select a.backend_start from pg_catalog.pg_stat_activity a
                       where a.pid = pg_catalog.pg_backend_pid())`;

/**
 * Takes it from whoever had it when it was `seen`. The new epoch is greater than that one's, and
 * than `floor`. Undefined when somebody else was faster.
 */
export async function takeLease(
  session: Session,
  owner: Owner,
  seen: Lease,
  floor: bigint,
): Promise<bigint | undefined> {
  const [row] = await session.query<{ epoch: string }>(
    `with taken as (
       update replicator.lease
       set epoch = greatest(epoch, $1) + 1, owner = $2, host = $3, pid = $4, since = now(), ${throughThisSession}
       where epoch = $5 and owner is not distinct from $6 returning epoch, owner, host, pid, since)
     insert into replicator.owners (epoch, owner, host, pid, since) select * from taken
     returning epoch::text`,
    [floor, owner.id, owner.host, owner.pid, seen.epoch, seen.owner?.id ?? null],
  );
  return row === undefined ? undefined : BigInt(row.epoch);
}

/** Of every owner that there was, by epoch: its id. */
export async function readOwners(session: Session): Promise<ReadonlyMap<bigint, string>> {
  const rows = await session.query<{ epoch: string; owner: string }>(
    'select epoch::text as epoch, owner::text as owner from replicator.owners',
  );
  return new Map(rows.map(({ epoch, owner }) => [BigInt(epoch), owner]));
}

/** From now on this is the session that shows whether the owner lives. False when it lost the lease. */
export async function moveLease(session: Session, owner: Owner, epoch: bigint): Promise<boolean> {
  const rows = await session.query(
    `update replicator.lease set ${throughThisSession} where owner = $1 and epoch = $2 returning 1 as held`,
    [owner.id, epoch],
  );
  return rows.length === 1;
}

/**
 * A sign of life that others see in pg_stat_activity: nothing is written, so that a source in which
 * nothing happens writes no WAL because of us. False when the lease is another's by now.
 */
export async function renewLease(
  session: Session,
  owner: Owner,
  epoch: bigint,
  sign: string,
): Promise<boolean> {
  const rows = await session.query(
    `select set_config('application_name', $3, false) from replicator.lease
     where owner = $1 and epoch = $2`,
    [owner.id, epoch, sign],
  );
  return rows.length === 1;
}

/** Another one need not wait then. */
export async function releaseLease(session: Session, owner: Owner, epoch: bigint): Promise<void> {
  await session.query(
    `update replicator.lease set owner = null, backend_pid = null, backend_start = null
     where owner = $1 and epoch = $2`,
    [owner.id, epoch],
  );
}
