// The standbys of a target that the file names, by what their slots keep for them.
import type { DatabaseConfig } from '../config/config.ts';
import type { Session } from '../postgres/session.ts';
import type { StandbyStatus } from './status.ts';

/** On that database. As StandbyWatch looks: `restart_lsn` is what the standby has on disk. */
export async function readStandbyStatus(
  session: Session,
  { name, standbySlots }: DatabaseConfig,
): Promise<StandbyStatus[]> {
  if (standbySlots.length === 0) return [];
  const rows = await session.query(
    `select n.slot, coalesce(s.active, false)::text as active,
            case when not pg_catalog.pg_is_in_recovery()
                 then greatest(0, pg_catalog.pg_current_wal_flush_lsn() - s.restart_lsn)::text
            end as behind
     from unnest($1::text[]) n(slot)
     left join pg_catalog.pg_replication_slots s on s.slot_name = n.slot and s.slot_type = 'physical'
     order by 1`,
    [standbySlots],
  );
  return rows.map(({ slot, active, behind }) => ({
    database: name,
    slotName: slot ?? '',
    active: active === 'true',
    behindBytes: behind == null ? null : Number(behind),
  }));
}
