import { slotCopyName, slotName } from './object-names.ts';

/**
 * SQL of where the slot stands that serves one target of a source, on the source: a copy of it where the target was away,
 * else the slot of all. No row while it is being made.
 */
export const servingSlot = `
  select r.confirmed_flush_lsn as lsn
  from pg_catalog.pg_replication_slots r
  join replicator.slots s on s.slot_name = r.slot_name and s.state = 'created'
  where r.slot_name in ($1, $2) order by r.slot_name = $1 desc limit 1`;

/** Its parameters. */
export function servingSlotNames(source: string, target: string): [string, string] {
  return [slotCopyName(source, target), slotName(source)];
}
