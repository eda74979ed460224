// Before a session may write what comes from a source: the one that did so before is ended, and
// owners with a smaller epoch are shut out. What protects is `advance`, which compares the epoch;
// ending the session frees the origin, which only one can hold.
import { ReplicatorError } from '../../model/errors.ts';
import type { Lineage } from '../../model/timeline.ts';
import { endBackend } from '../../postgres/end-backend.ts';
import type { Session } from '../../postgres/session.ts';
import { joinedTables, verifyLineage } from './lineage.ts';

/** Somebody else can claim between our look and our claim so many times. */
const attempts = 5;

const claimQuery = `
  update replicator.progress p
  set epoch = $2, owner = $7, timeline = $6, backend_pid = a.pid, backend_start = a.backend_start
  from pg_catalog.pg_stat_activity a
  where p.source = $1 and p.epoch <= $2 and a.pid = pg_catalog.pg_backend_pid()
    and p.backend_pid is not distinct from $3 and p.backend_start is not distinct from $4
    and p.lsn = $5
  returning 1 as claimed`;

export interface Claim {
  /** The target itself for its own stream. */
  readonly source: string;
  /** Of the owner of the source that this process is. */
  readonly epoch: bigint;
  /** Of the source, as that owner knows it. */
  readonly lineage: Lineage;
}

/**
 * Claims the progress of a source for this session. Throws Outranked when an owner with a greater
 * epoch was here, and GAP when the source has come to another timeline without what is here.
 * Progress that does not exist is left to whoever reads it.
 */
export async function claimProgress(session: Session, claim: Claim): Promise<void> {
  const { source, epoch, lineage } = claim;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const [row] = await session.query(
      `select epoch::text as epoch, owner::text as owner, lsn::text as lsn, timeline::text as timeline,
              backend_pid::text as pid, backend_start::text as start
       from replicator.progress where source = $1`,
      [source],
    );
    if (row === undefined) return;
    const found = BigInt(row['epoch'] ?? 0);
    const isKnown = found === 0n || lineage.owners.get(found) === row['owner'];
    const { lsn = null, timeline = null, pid = null, start = null } = row;
    const isAncestor = timeline !== null && BigInt(timeline) !== lineage.timeline;
    // Nobody is ended for a claim that cannot be made.
    if (isAncestor) await verifyLineage(session, source, lineage, BigInt(timeline));
    // What a promotion lost of the owners is made up for by an epoch greater than theirs.
    const isLater = found > epoch || (found === epoch && !isKnown);
    if (isLater || !(isKnown || isAncestor)) {
      const tables = await joinedTables(session, source);
      throw new Outranked(source, session.database.name, { epoch: found, isAncestor, tables });
    }
    if (pid !== null && start !== null) await endBackend(session, { pid, start });
    const values = [source, epoch, pid, start, lsn, lineage.timeline, lineage.owners.get(epoch)];
    const claimed = await session.transaction(async () => {
      if (isAncestor) {
        // A copy of another database may be about to commit what that has of this source.
        await session.query('lock table replicator.tables in share mode');
        await verifyLineage(session, source, lineage, BigInt(timeline));
      }
      return await session.query(claimQuery, values);
    });
    if (claimed.length === 1) return;
  }
  throw new ReplicatorError(
    'FENCED',
    `${source}:${session.database.name}: another replicator claims the progress`,
  );
}

/** An owner has written here that the claimant knows nothing of: most likely a later one. */
export class Outranked extends ReplicatorError {
  readonly target: string;
  readonly epoch: bigint;
  /** It did so on an earlier timeline of the source, and all of it is on the present one. */
  readonly isAncestor: boolean;
  readonly tables: readonly string[];

  constructor(
    source: string,
    target: string,
    facts: { epoch: bigint; isAncestor: boolean; tables: readonly string[] },
  ) {
    super('FENCED', `${source}:${target}: another replicator has taken the source over`);
    this.target = target;
    this.epoch = facts.epoch;
    this.isAncestor = facts.isAncestor;
    this.tables = facts.tables;
  }
}
