/**
 * SQL of where the slot stands that serves the target $1 of a source, on the source: a copy of it where the target was
 * away, else the slot of all. No row while it is being made.
 */
export const servingSlot = `
  select r.confirmed_flush_lsn as lsn
  from pg_catalog.pg_replication_slots r
  join replicator.slots s on s.slot_name = r.slot_name and s.state = 'created'
  where s.target = $1 or s.target is null order by s.target is null limit 1`;
