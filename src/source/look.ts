// What a source says of its slots and of what people want: read every few seconds.
import { type Lsn, parseLsn, zeroLsn } from '../model/lsn.ts';
import { slotCopyName, slotName, targetOfSlotCopy } from '../postgres/object-names.ts';
import { schemaExists } from '../postgres/own-schema.ts';
import type { Session } from '../postgres/session.ts';

export interface SlotReading {
  /** Undefined for the slot of all. */
  readonly target: string | undefined;
  readonly slot: string;
  /** Both are so only for a copy that holds a target's place. */
  readonly found: boolean;
  readonly recorded: boolean;
  readonly madeAt: string;
  readonly restartLsn: Lsn;
  readonly confirmedLsn: Lsn;
  readonly lost: boolean;
}

export interface Wish {
  readonly paused: boolean;
  /** Changes with every word of a person. */
  readonly wishedAt: string;
  /** Its place was given up: it must be filled anew. */
  readonly givenUp: boolean;
  /** When a person asked for the target to begin anew, while that has not been done; else empty. */
  readonly resyncAt: string;
}

export interface Look {
  readonly walLsn: Lsn;
  readonly slots: readonly SlotReading[];
  /** By target. */
  readonly wishes: ReadonlyMap<string, Wish>;
  /** How old the changes of other databases were that arrived here last; of the slowest. */
  readonly lagMs: number;
}

const slotsQuery = `
  select coalesce(r.slot_name, s.slot_name) as slot, s.target, (r.slot_name is not null)::text as found,
         (s.state is not distinct from 'created')::text as recorded,
         coalesce(s.created_at::text, '') as made_at,
         r.restart_lsn::text as restart_lsn, r.confirmed_flush_lsn::text as confirmed_lsn,
         (r.wal_status = 'lost')::text as lost,
         pg_catalog.pg_current_wal_lsn()::text as wal
  from (select * from pg_catalog.pg_replication_slots
        where database = pg_catalog.current_database()) r
  full join replicator.slots s on s.slot_name = r.slot_name
  where coalesce(r.slot_name, s.slot_name) = $1
     or pg_catalog.starts_with(coalesce(r.slot_name, s.slot_name), $2)`;

const wishesQuery = `
  select target, paused::text as paused, coalesce(wished_at::text, '') as wished_at,
         (given_up_at is not null)::text as given_up,
         coalesce(resync_wished_at::text, '') as resync_at
  from replicator.subscriptions`;

const lagQuery = `
  select coalesce(max(extract(epoch from p.applied_at - p.commit_time)), 0)::text as seconds
  from replicator.progress p join replicator.installation i on i.database <> p.source`;

export async function lookAtSource(session: Session): Promise<Look> {
  if (!(await schemaExists(session)))
    return { walLsn: zeroLsn, slots: [], wishes: new Map(), lagMs: 0 };
  const { name } = session.database;
  const slots = await session.query(slotsQuery, [slotName(name), slotCopyName(name, '')]);
  const wishes = await session.query(wishesQuery);
  const lag = await session.one(lagQuery);
  return {
    walLsn: parseLsn(slots[0]?.['wal'] ?? '0/0'),
    slots: slots.map((row) => {
      const slot = row['slot'] ?? '';
      return {
        // What nobody has recorded tells it by its name.
        target: row['target'] ?? targetOfSlotCopy(name, slot),
        slot,
        found: row['found'] === 'true',
        recorded: row['recorded'] === 'true',
        madeAt: row['made_at'] ?? '',
        restartLsn: parseLsn(row['restart_lsn'] ?? '0/0'),
        confirmedLsn: parseLsn(row['confirmed_lsn'] ?? '0/0'),
        lost: row['lost'] === 'true',
      };
    }),
    lagMs: Math.round(Number(lag['seconds']) * 1_000),
    wishes: new Map(
      wishes.map((row) => [
        row['target'] ?? '',
        {
          paused: row['paused'] === 'true',
          wishedAt: row['wished_at'] ?? '',
          givenUp: row['given_up'] === 'true',
          resyncAt: row['resync_at'] ?? '',
        },
      ]),
    ),
  };
}
