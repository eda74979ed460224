// A target that is set up by a process with a newer file than the owner's gets its place, and the owner reads on past
// it. It misses nothing of that where all of its tables come by a copy that was begun afterwards.
import { type Lsn, minLsn, parseLsn } from '../model/lsn.ts';
import { serverFacts } from '../postgres/server-facts.ts';
import { servingSlot } from '../postgres/serving-slot.ts';
import type { Session } from '../postgres/session.ts';

/** Whether the slot that serves the target, a copy if there is one, has let go of what comes after its progress. */
export async function isPassedBy(source: Session, target: string, progress: Lsn): Promise<boolean> {
  const [slot] = await source.query<{ lsn: string | null }>(
    `select slot.lsn::text as lsn from (${servingSlot}) slot`,
    [target],
  );
  // One that is gone is told by its reader.
  return slot?.lsn != null && progress < parseLsn(slot.lsn);
}

/**
 * Nothing before it counts for any table of the subscription. Undefined unless each of them came by a copy: what one
 * that joined as it was should hold is not known.
 */
export async function copiedFrom(source: Session, target: Session): Promise<Lsn | undefined> {
  const [least] = await target.query<{ lsn: string | null }>(
    `select min(copied_at)::text as lsn from replicator.tables
     where source = $1 and not lost having bool_and(copied)`,
    [source.database.name],
  );
  if (least?.lsn == null) return undefined;
  // Where users' writes count from may not be on its disk yet; a target that is beyond that is one of another source.
  return minLsn(parseLsn(least.lsn), (await serverFacts(source)).walFlushLsn);
}
