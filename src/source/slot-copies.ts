// The copies of a source's slot. Each keeps the place of one target that cannot follow, while the
// slot of all goes on. That it is there and recorded is what makes a target a detached one: nothing
// else remembers it, and the target may be dead.
import { ReplicatorError } from '../model/errors.ts';
import { formatLsn, type Lsn, parseLsn } from '../model/lsn.ts';
import { slotCopyName, slotName } from '../postgres/object-names.ts';
import type { Session } from '../postgres/session.ts';
import { asOwner, type OwnerSession } from './ownership/as-owner.ts';

export interface SlotCopy {
  readonly slot: string;
  /** Tells it from one that was made later under the same name; timestamptz as text. */
  readonly madeAt: string;
}

/** One that has just been made. */
export interface NewCopy extends SlotCopy {
  /** It holds everything behind it. */
  readonly lsn: Lsn;
}

/** Under the first name that no other target's copy has: one keeps its name when its target gets another. */
const recordCopy = `
  insert into replicator.slots (slot_name, state, target)
  select free.name, 'creating', $2
  from (select $1 || case n when 1 then '' else '__' || n end as name, n
        from pg_catalog.generate_series(1, 1000) n) free
  where not exists (select from replicator.slots s where s.slot_name = free.name)
  order by free.n limit 1
  returning slot_name`;

/**
 * Makes and records the copy. Once it resolves the slot of all need not be held for the target any
 * more. Throws RESOURCES when no slot is free, FENCED when another process owns the source.
 */
export async function makeCopy(owner: OwnerSession, target: string): Promise<NewCopy> {
  const { session } = owner;
  const source = session.database.name;
  // Written first: what is found unrecorded, or not recorded as created, holds nobody's place.
  const [made] = await asOwner(owner, () =>
    session.query(recordCopy, [slotCopyName(source, target), target]),
  );
  const slot = made?.['slot_name'] ?? '';
  await session.query('select pg_catalog.pg_copy_logical_replication_slot($1, $2)', [
    slotName(source),
    slot,
  ]);
  const [row] = await asOwner(owner, () =>
    session.query(
      `update replicator.slots set state = 'created',
         -- of what the slot of all holds changes, which may have been another since
         publication_oid = (select publication_oid from replicator.slots where slot_name = $2),
         consistent_lsn = (select confirmed_flush_lsn from pg_catalog.pg_replication_slots
                           where slot_name = $1)
       where slot_name = $1 and state = 'creating' returning created_at::text as made_at,
         consistent_lsn::text as lsn`,
      [slot, slotName(source)],
    ),
  );
  if (row === undefined)
    throw new ReplicatorError('FENCED', `${source}: slot ${slot} was taken away while it was made`);
  return { slot, madeAt: row['made_at'] ?? '', lsn: parseLsn(row['lsn'] ?? '0/0') };
}

/**
 * Removes the copy of a target that has everything up to the slot of all, with its standbys. The server
 * judges that itself; false, with nothing removed, when it is not so.
 */
export async function dropCopy(
  owner: OwnerSession,
  { slot, madeAt }: SlotCopy,
  securedLsn: Lsn,
): Promise<boolean> {
  const { session } = owner;
  await asOwner(owner, () =>
    session.query(
      `delete from replicator.slots s using pg_catalog.pg_replication_slots r
       where s.slot_name = $1 and s.created_at = $2::timestamptz
         and r.slot_name = $3 and r.confirmed_flush_lsn <= $4::pg_lsn`,
      [slot, madeAt, slotName(session.database.name), formatLsn(securedLsn)],
    ),
  );
  // Asked again, since the answer to an earlier attempt may have been lost.
  const kept = await session.query(
    'select from replicator.slots where slot_name = $1 and created_at = $2::timestamptz',
    [slot, madeAt],
  );
  if (kept.length > 0) return false;
  await dropIfUnrecorded(owner, slot);
  return true;
}

/** Removes the copy whatever it keeps, and records that its target must be filled anew. */
export async function giveUpCopy(owner: OwnerSession, target: string): Promise<void> {
  const { session } = owner;
  // One transaction: a target never loses its place without being told.
  const [copy] = await asOwner(owner, async () => {
    await session.query(
      'update replicator.subscriptions set given_up_at = now() where target = $1',
      [target],
    );
    return await session.query(
      'delete from replicator.slots where target = $1 returning slot_name',
      [target],
    );
  });
  // Also what an earlier attempt has left, while it was in use.
  await dropIfUnrecorded(owner, copy?.['slot_name'] ?? slotCopyName(session.database.name, target));
}

/**
 * Another copy in place of whatever there is for the target, which is given up in between. Throws
 * SLOT_ACTIVE while a reader of the former one is still ending.
 */
export async function replaceCopy(owner: OwnerSession, target: string): Promise<NewCopy> {
  await giveUpCopy(owner, target);
  const slot = slotCopyName(owner.session.database.name, target);
  const left = await owner.session.query(
    `select from pg_catalog.pg_replication_slots r where r.slot_name = $1
       and not exists (select from replicator.slots s where s.slot_name = r.slot_name)`,
    [slot],
  );
  if (left.length > 0)
    throw new ReplicatorError(
      'SLOT_ACTIVE',
      `${owner.session.database.name}: slot ${slot} is in use`,
    );
  return await makeCopy(owner, target);
}

/**
 * The target stands at its new place: neither the wish for that nor the loss before is left, also where a person
 * took the wish back too late.
 */
export async function recordResynced(
  session: Session,
  target: string,
  wishedAt: string,
): Promise<void> {
  await session.query(
    `update replicator.subscriptions set given_up_at = null, resync_wished_at = null
     where target = $1 and coalesce(resync_wished_at, $2::timestamptz) = $2::timestamptz`,
    [target, wishedAt],
  );
}

/** Removes what a crash has left of a copy that was being made or removed. */
export async function dropRemainder(owner: OwnerSession, slot: string): Promise<void> {
  await asOwner(owner, () =>
    owner.session.query(
      `delete from replicator.slots s where s.slot_name = $1 and (s.state = 'creating'
         or not exists (select from pg_catalog.pg_replication_slots r where r.slot_name = $1))`,
      [slot],
    ),
  );
  await dropIfUnrecorded(owner, slot);
}

// While its walsender is ending it is in use still; it is found again, and removed, later.
async function dropIfUnrecorded(owner: OwnerSession, slot: string): Promise<void> {
  await asOwner(owner, () =>
    owner.session.query(
      `select pg_catalog.pg_drop_replication_slot(r.slot_name)
       from pg_catalog.pg_replication_slots r
       where r.slot_name = $1 and not r.active and r.database = pg_catalog.current_database()
         and not exists (select from replicator.slots s where s.slot_name = $1)`,
      [slot],
    ),
  );
}
