// How far a source is applied on this target: a row that commits with the data.

import { ReplicatorError } from '../../model/errors.ts';
import { type Lsn, parseLsn } from '../../model/lsn.ts';
import type { Session } from '../../postgres/session.ts';
import type { Statement } from '../../postgres/statement-group.ts';

export interface Progress {
  readonly lsn: Lsn;
  readonly epoch: bigint;
}

/** Rows of the source's transactions, as users wrote them. */
export interface ChangeCounts {
  inserts: number;
  updates: number;
  deletes: number;
  truncates: number;
}

/**
 * Waits for an earlier session of ours that may still be committing: only then is the outcome of a
 * COMMIT known whose reply was lost. Throws GAP when the row is gone although it was there once,
 * FENCED when an owner with a greater epoch has claimed it.
 */
export async function readProgress(
  session: Session,
  source: string,
  epoch: bigint,
): Promise<Progress> {
  const [row] = await session.query<{ lsn: string; epoch: string }>(
    'select lsn::text, epoch::text from replicator.progress where source = $1 for update',
    [source],
  );
  if (row === undefined)
    throw new ReplicatorError(
      'GAP',
      `${session.database.name}: the progress of ${source} is missing in replicator.progress`,
    );
  if (BigInt(row.epoch) > epoch)
    throw new ReplicatorError(
      'FENCED',
      `${source}:${session.database.name}: another replicator has taken the source over`,
    );
  return { lsn: parseLsn(row.lsn), epoch };
}

export interface Advance {
  readonly source: string;
  readonly progress: Progress;
  readonly next: Lsn;
  /** Undefined when only a position passed, without any transaction. */
  readonly commitTime: bigint | undefined;
  /** Of the source's clock; nothing that still comes behind that position is much older. */
  readonly seenTime?: bigint | undefined;
  readonly counts: ChangeCounts;
}

/**
 * Compare and swap: replaying a batch, or a second replicator, fails here before it can commit. Not in a function: for a
 * transaction that comes alone PL/pgSQL would take a tenth of a millisecond.
 */
const advance = `
  with moved as (
    update replicator.progress as p
    set lsn = $3, commit_time = coalesce($5, p.commit_time),
        seen_time = greatest(p.seen_time, $5, $6), applied_at = pg_catalog.clock_timestamp(),
        inserts = p.inserts + $7, updates = p.updates + $8, deletes = p.deletes + $9,
        truncates = p.truncates + $10
    where p.source = $1 and p.lsn = $2 and p.epoch = $4
    returning 1)
  select replicator.refuse_progress($1, $2) from moved having pg_catalog.count(*) <> 1`;

/** The server raises unless the row stands exactly where we believe. */
export function advanceStatement(to: Advance): Statement {
  const { counts, progress } = to;
  return {
    name: 'advance',
    text: advance,
    values: [
      to.source,
      progress.lsn,
      to.next,
      progress.epoch,
      to.commitTime ?? null,
      to.seenTime ?? null,
      BigInt(counts.inserts),
      BigInt(counts.updates),
      BigInt(counts.deletes),
      BigInt(counts.truncates),
    ],
  };
}
