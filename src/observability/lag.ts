// How far a target is behind its source: by what it has stored, and by what is known of its slot.
import { formatLsn, maxLsn, zeroLsn } from '../model/lsn.ts';
import type { SourceStatus } from './read-source-status.ts';
import type { AppliedProgress } from './read-target-status.ts';
import type { SubscriptionStatus } from './status.ts';

/** `slotOf`: null for the slot of all; undefined when no slot keeps its place. */
export function lagOf(
  source: Pick<SourceStatus, 'walLsn' | 'appliedLsn' | 'now'> | undefined,
  slotOf: string | null | undefined,
  progress: Pick<AppliedProgress, 'lsn' | 'commitTime'> | undefined,
): Pick<SubscriptionStatus, 'lagBytes' | 'lagSeconds' | 'flushedLsn'> {
  if (progress === undefined) return { lagBytes: null, lagSeconds: null, flushedLsn: null };
  const flushedLsn = formatLsn(progress.lsn);
  if (source === undefined) return { lagBytes: null, lagSeconds: null, flushedLsn };
  // While idle, progress is stored only now and then; the walsender knows how far its targets are.
  const known = slotOf === undefined ? undefined : source.appliedLsn.get(slotOf);
  const reached = maxLsn(progress.lsn, known ?? zeroLsn);
  const lagBytes = source.walLsn > reached ? Number(source.walLsn - reached) : 0;
  if (lagBytes === 0) return { lagBytes, lagSeconds: 0, flushedLsn };
  const { commitTime } = progress;
  const lagSeconds = commitTime === null ? null : Math.max(0, source.now - commitTime);
  return { lagBytes, lagSeconds, flushedLsn };
}
