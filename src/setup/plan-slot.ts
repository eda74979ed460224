// The slot of a source. What once existed is never made again by itself: between the two lies a
// gap that nobody would see.
import { ReplicatorError } from '../model/errors.ts';
import { quoteLiteral } from '../postgres/identifiers.ts';
import { publicationName, slotName } from '../postgres/object-names.ts';
import { schemaExists } from '../postgres/own-schema.ts';
import { serverFacts } from '../postgres/server-facts.ts';
import type { Session } from '../postgres/session.ts';
import type { SetupStep } from './setup-step.ts';

export async function* planSlot(session: Session): AsyncGenerator<SetupStep> {
  const source = session.database.name;
  const slot = slotName(source);
  const state = await recordedState(session, slot);
  if (state === 'created') return;
  const [existing] = await session.query(
    'select database, plugin from pg_catalog.pg_replication_slots where slot_name = $1',
    [slot],
  );
  if (
    existing !== undefined &&
    (state === undefined || existing['database'] !== session.database.dbname)
  )
    throw new ReplicatorError(
      'IDENTITY',
      `${source}: slot ${slot} exists already, for database ${existing['database']}, and is not ours`,
      {
        hint: `give the database another name in the file, or drop the slot in ${existing['database']}`,
      },
    );
  // Written first, because making a slot is not transactional: a slot that is found after a crash
  // is ours iff this row says so.
  if (state === undefined)
    yield {
      database: source,
      sql: `insert into replicator.slots (slot_name, state) values (${quoteLiteral(slot)}, 'creating')`,
    };
  if (existing === undefined)
    yield {
      database: source,
      sql: `select pg_catalog.pg_create_logical_replication_slot(${quoteLiteral(slot)}, 'pgoutput'${await failover(session)})`,
    };
  yield {
    database: source,
    sql:
      `update replicator.slots set state = 'created',\n` +
      `  publication_oid = (select oid from pg_catalog.pg_publication where pubname = ${quoteLiteral(publicationName(source))}),\n` +
      `  consistent_lsn = (select confirmed_flush_lsn from pg_catalog.pg_replication_slots where slot_name = ${quoteLiteral(slot)})\n` +
      // One whose maker was ended is there for a moment, unfinished, before the server drops it.
      `where slot_name = ${quoteLiteral(slot)} and exists (\n` +
      `  select from pg_catalog.pg_replication_slots where slot_name = ${quoteLiteral(slot)} and confirmed_flush_lsn is not null)`,
  };
}

/**
 * The one exception: a person knows of the gap. What is sound is left alone, so that a process which is
 * late cannot take away what another one has made by now.
 */
export async function dropBrokenSlot(session: Session): Promise<void> {
  const source = session.database.name;
  const slot = slotName(source);
  await session.query(
    `update replicator.slots s set state = 'creating'
     where s.slot_name = $1 and not exists (
       select from pg_catalog.pg_replication_slots r, pg_catalog.pg_publication p
       where r.slot_name = $1 and r.wal_status is distinct from 'lost'
         and p.pubname = $2 and p.oid = s.publication_oid)`,
    [slot, publicationName(source)],
  );
  await session.query(
    `select pg_catalog.pg_drop_replication_slot(r.slot_name)
     from pg_catalog.pg_replication_slots r
     join replicator.slots s on s.slot_name = r.slot_name and s.state = 'creating'
     where r.slot_name = $1 and r.database = pg_catalog.current_database()`,
    [slot],
  );
}

/** From 17 on standbys can keep a copy of the slot, so that it is there after a promotion. */
async function failover(session: Session): Promise<string> {
  const { major } = await serverFacts(session);
  return major >= 17 ? ', failover => true' : '';
}

async function recordedState(session: Session, slot: string): Promise<string | undefined> {
  if (!(await schemaExists(session))) return undefined;
  const [row] = await session.query('select state from replicator.slots where slot_name = $1', [
    slot,
  ]);
  return row?.['state'] ?? undefined;
}
