// What a source keeps for a target goes on under its new name, its slot under the old one.
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Session } from '../../../src/postgres/session.ts';
import { schemaStatements } from '../../../src/setup/schema.ts';
import type { Moves } from '../../../src/source/moves.ts';
import type { OwnerSession } from '../../../src/source/ownership/as-owner.ts';
import { renameTarget } from '../../../src/source/rename-target.ts';
import { Seat } from '../../../src/source/seat.ts';
import { dropCopy, giveUpCopy, makeCopy, replaceCopy } from '../../../src/source/slot-copies.ts';
import type { Subscriber } from '../../../src/source/subscriber.ts';
import { Watch } from '../../../src/source/watch.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { newest, sharedServer } from '../../support/servers-for-tests.ts';

let database: TestDatabase;
let session: Session;
let owner: OwnerSession;
const identity = { systemIdentifier: '1', databaseOid: '2' };

beforeEach(async () => {
  database = await createDatabase(await sharedServer(newest), 'rename target');
  await database.query(schemaStatements.join(';\n'));
  await database.query(`select pg_create_logical_replication_slot('replicator_a', 'pgoutput')`);
  await database.query(`
    insert into replicator.slots (slot_name, state) values ('replicator_a', 'created');
    insert into replicator.subscriptions (target, system_identifier, database_oid, paused)
      values ('b', '1', 1, false), ('c', '1', 2, true);
    insert into replicator.differences values ('b', 'public', 't'), ('c', 'public', 't');
    update replicator.lease set epoch = 1, owner = gen_random_uuid()`);
  session = await Session.connect(databaseConfig(database, { name: 'a' }), {
    purpose: 'control',
    name: 'a',
  });
  owner = { session, epoch: 1n };
});

afterEach(async () => {
  await session.close();
  await database.query(
    'select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()',
  );
  await database.drop();
});

/** By target; '' for what nobody has recorded. */
async function slots(): Promise<Record<string, string>> {
  const rows = await database.query(
    `select coalesce(s.target, '') as target, r.slot_name
     from pg_replication_slots r left join replicator.slots s using (slot_name)
     where r.database = current_database() and r.slot_name <> 'replicator_a'`,
  );
  return Object.fromEntries(rows.map((row) => [row['target'] ?? '', row['slot_name'] ?? '']));
}

async function targets(table: 'subscriptions' | 'differences'): Promise<string[]> {
  const column = table === 'subscriptions' ? 'target' : 'other';
  const rows = await database.query(`select ${column} as name from replicator.${table} order by 1`);
  return rows.map(({ name }) => name ?? '');
}

test('one that has a slot of its own, and a former one whose name is free', async () => {
  await makeCopy(owner, 'c');
  for (const name of ['c', 'd', 'd']) await renameTarget(owner, name, identity);
  expect(await slots()).toEqual({ d: 'replicator_a__c' });
  expect(await targets('subscriptions')).toEqual(['b', 'd']);
  expect(await targets('differences')).toEqual(['b', 'd']);
  // One that has that name next.
  const copy = await makeCopy(owner, 'c');
  expect(await slots()).toEqual({ c: 'replicator_a__c__2', d: 'replicator_a__c' });
  expect(await dropCopy(owner, copy, copy.lsn)).toBe(true);
  await replaceCopy(owner, 'c');
  await replaceCopy(owner, 'd');
  expect(await slots()).toEqual({ c: 'replicator_a__c__2', d: 'replicator_a__d' });
  await giveUpCopy(owner, 'c');
  expect(await slots()).toEqual({ d: 'replicator_a__d' });
});

test('one that was taken for a new one while it was away', async () => {
  await makeCopy(owner, 'd');
  await renameTarget(owner, 'd', identity);
  expect(await slots()).toEqual({ d: 'replicator_a__d' });
  await makeCopy(owner, 'e');
  await renameTarget(owner, 'e', identity);
  // Older, so it holds more. The other one is found, and removed, as what nobody has recorded.
  expect(await slots()).toEqual({ e: 'replicator_a__d', '': 'replicator_a__e' });
});

test('one whose place was given up while nobody knew its name', async () => {
  await giveUpCopy(owner, 'c');
  await makeCopy(owner, 'd');
  await renameTarget(owner, 'd', identity);
  expect(await slots()).toEqual({ '': 'replicator_a__d' });
});

test('what a crash has left of a copy is nobody’s place', async () => {
  await database.query(`insert into replicator.slots values ('replicator_a__c', 'creating')`);
  await database.query(`update replicator.slots set target = 'c' where state = 'creating'`);
  await makeCopy(owner, 'd');
  await renameTarget(owner, 'd', identity);
  expect(await slots()).toEqual({ d: 'replicator_a__d' });
});

test('another process owns the source by now', async () => {
  await expect(renameTarget({ session, epoch: 0n }, 'd', identity)).rejects.toMatchObject({
    code: 'FENCED',
  });
  expect(await targets('subscriptions')).toEqual(['b', 'c']);
});

test('a place is kept until it is known that none of the targets is the one that has it', async () => {
  await makeCopy(owner, 'c');
  const seat = new Seat({ target: 'b', name: 'a:b' } as Subscriber);
  const look = async (giveUpBytes?: number) =>
    await new Watch({
      source: 'a',
      seats: [seat],
      moves: {} as Moves,
      writing: async () => owner,
      limits: { warnBytes: 1e12, giveUpBytes },
      onLag: () => {},
      log: pino({ enabled: false }),
    }).look();
  await look();
  expect(await slots()).toEqual({ c: 'replicator_a__c' });
  await look(0);
  expect(await slots()).toEqual({});
  await makeCopy(owner, 'c');
  seat.recognized = true;
  await look();
  expect(await slots()).toEqual({});
});
