// How far a source is applied on this target: a row that commits with the data.

import { formatCommitTime } from '../../model/commit-time.ts';
import { ReplicatorError } from '../../model/errors.ts';
import { formatLsn, type Lsn, parseLsn } from '../../model/lsn.ts';
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

/** Compare and swap; the server raises unless the row stands exactly where we believe. */
export function advanceStatement(advance: Advance): Statement {
  const { counts, progress } = advance;
  return {
    name: 'advance',
    text: 'select replicator.advance($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
    values: [
      advance.source,
      formatLsn(progress.lsn),
      formatLsn(advance.next),
      String(progress.epoch),
      timeOrNull(advance.commitTime),
      timeOrNull(advance.seenTime),
      String(counts.inserts),
      String(counts.updates),
      String(counts.deletes),
      String(counts.truncates),
    ],
  };
}

function timeOrNull(time: bigint | undefined): string | null {
  return time === undefined ? null : formatCommitTime(time);
}
