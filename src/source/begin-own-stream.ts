// A database that becomes one of several sources gets a stream of its own from whoever has the new file first. The owner
// whose file does not have it reads on, and holds the slot for nobody: until an owner has claimed that stream it begins
// where the slot stands, as one does that is made by then.
import { slotCopyName, slotName } from '../postgres/object-names.ts';
import { schemaExists } from '../postgres/own-schema.ts';
import { asOwner, type OwnerSession } from './ownership/as-owner.ts';

/** For the owner, before it connects to any target. `timeline`: of the source, on which the slot's position is. */
export async function beginOwnStream(owner: OwnerSession, timeline: bigint): Promise<void> {
  const { session } = owner;
  const { name } = session.database;
  if (!(await schemaExists(session))) return;
  await asOwner(owner, () =>
    session.query(
      `update replicator.progress p set lsn = slot.lsn, timeline = $4
       from (select r.confirmed_flush_lsn as lsn
             from pg_catalog.pg_replication_slots r
             join replicator.slots s on s.slot_name = r.slot_name and s.state = 'created'
             where r.slot_name in ($2, $3) order by r.slot_name = $2 desc limit 1) slot
       where p.source = $1 and p.epoch = 0 and p.lsn < slot.lsn`,
      [name, slotCopyName(name, name), slotName(name), timeline],
    ),
  );
}
