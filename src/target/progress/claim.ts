// Before a session may write what comes from a source: the one that did so before is ended, and
// owners with a smaller epoch are shut out. What protects is `advance`, which compares the epoch;
// ending the session frees the origin, which only one can hold.
import { ReplicatorError } from '../../model/errors.ts';
import { endBackend } from '../../postgres/end-backend.ts';
import type { Session } from '../../postgres/session.ts';

/** Somebody else can claim between our look and our claim so many times. */
const attempts = 5;

const claimQuery = `
  update replicator.progress p
  set epoch = $2, backend_pid = a.pid, backend_start = a.backend_start
  from pg_catalog.pg_stat_activity a
  where p.source = $1 and p.epoch <= $2 and a.pid = pg_catalog.pg_backend_pid()
    and p.backend_pid is not distinct from $3 and p.backend_start is not distinct from $4
  returning 1 as claimed`;

/**
 * Claims the progress of `source` for this session and `epoch`. Throws Outranked when an owner with
 * a greater epoch was here. Progress that does not exist is left to whoever reads it.
 */
export async function claimProgress(
  session: Session,
  source: string,
  epoch: bigint,
): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const [row] = await session.query(
      `select epoch::text as epoch, backend_pid::text as pid, backend_start::text as start
       from replicator.progress where source = $1`,
      [source],
    );
    if (row === undefined) return;
    const found = BigInt(row['epoch'] ?? 0);
    if (found > epoch) throw new Outranked(`${source}:${session.database.name}`, found);
    const { pid = null, start = null } = row;
    if (pid !== null && start !== null) await endBackend(session, { pid, start });
    const claimed = await session.query(claimQuery, [source, epoch, pid, start]);
    if (claimed.length === 1) return;
  }
  throw new ReplicatorError(
    'FENCED',
    `${source}:${session.database.name}: another replicator claims the progress`,
  );
}

/** Only an owner with a greater epoch may write here. */
export class Outranked extends ReplicatorError {
  readonly epoch: bigint;

  constructor(subscription: string, epoch: bigint) {
    super('FENCED', `${subscription}: another replicator has taken the source over`);
    this.epoch = epoch;
  }
}
