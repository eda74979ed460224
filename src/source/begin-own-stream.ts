// A database that becomes one of several sources gets a stream of its own from whoever has the new file first. The owner
// whose file does not have it reads on, and holds the slot for nobody: until an owner has claimed that stream it begins
// where the slot stands, as one does that is made by then.
import { schemaExists } from '../postgres/own-schema.ts';
import { servingSlot } from '../postgres/serving-slot.ts';
import { asOwner, type OwnerSession } from './ownership/as-owner.ts';

/** For the owner, before it connects to any target. `timeline`: of the source, on which the slot's position is. */
export async function beginOwnStream(owner: OwnerSession, timeline: bigint): Promise<void> {
  const { session } = owner;
  const { name } = session.database;
  if (!(await schemaExists(session))) return;
  await asOwner(owner, () =>
    session.query(
      `update replicator.progress p set lsn = slot.lsn, timeline = $2
       from (${servingSlot}) slot
       where p.source = $1 and p.epoch = 0 and p.lsn < slot.lsn`,
      [name, timeline],
    ),
  );
}
