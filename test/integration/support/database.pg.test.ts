import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { assertNothingLeft } from '../../support/leftovers.ts';
import type { PostgresServer } from '../../support/postgres-server.ts';
import { newest, sharedServer } from '../../support/servers-for-tests.ts';

let server: PostgresServer;
const databases: TestDatabase[] = [];

async function create(): Promise<TestDatabase> {
  const database = await createDatabase(server, 'Support: a "database" / with a slot');
  databases.push(database);
  return database;
}

beforeAll(async () => {
  server = await sharedServer(newest);
});

afterAll(async () => {
  await Promise.all(databases.map((database) => database.drop()));
  await assertNothingLeft(server);
});

test('each database is one of its own, named after its test', async () => {
  const [first, second] = [await create(), await create()];
  await first.query('create table only_here (id int)');
  expect(first.name).toMatch(/^t_support_a_database_with_a_slot_[0-9a-f]{8}$/);
  expect(await second.query(`select to_regclass('only_here') as found`)).toEqual([{ found: null }]);
});

test('drop takes the slots, also one that is in use, and only those of its database', async () => {
  const [kept, dropped] = [await create(), await create()];
  for (const [database, slot] of [[kept, 'kept'] as const, [dropped, 'dropped'] as const]) {
    await database.query(`select pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
  }
  const walsender = new pg.Client({ connectionString: `${dropped.url}?replication=database` });
  walsender.on('error', () => undefined);
  await walsender.connect();
  const stream = walsender.query(
    `START_REPLICATION SLOT dropped LOGICAL 0/0 (proto_version '1', publication_names 'p')`,
  );
  stream.catch(() => undefined);
  await dropped.drop();
  await walsender.end().catch(() => undefined);
  expect(await server.query('postgres', 'select slot_name from pg_replication_slots')).toEqual([
    { slot_name: 'kept' },
  ]);
  await kept.drop();
});

test('what is left is named, and removed for the next test', async () => {
  const database = await create();
  await database.query(`select pg_create_logical_replication_slot('replicator_a', 'pgoutput')`);
  await database.query(`select pg_replication_origin_create('replicator_a__b')`);
  const client = new pg.Client({
    connectionString: database.url,
    application_name: 'replicator/a/stream',
  });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`select pg_replication_origin_session_setup('replicator_a__b')`);

  const left = assertNothingLeft(server, 50);
  await expect(left).rejects.toThrow('connection replicator/a/stream');
  await expect(left).rejects.toThrow('origin replicator_a__b');
  await expect(left).rejects.toThrow('slot replicator_a');
  await assertNothingLeft(server);
});
