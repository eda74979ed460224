// What a comparison finds, whatever part of a table differs.
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Session } from '../../../src/postgres/session.ts';
import { compareTable } from '../../../src/verify/compare-table.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { oldest, sharedServer } from '../../support/servers-for-tests.ts';

const table = { schema: 'public', name: 't' };
let databases: [TestDatabase, TestDatabase];
let sessions: [Session, Session];

beforeAll(async () => {
  const server = await sharedServer(oldest);
  databases = [
    await createDatabase(server, 'compare a'),
    await createDatabase(server, 'compare b'),
  ];
  const connect = async (database: TestDatabase, name: string) =>
    await Session.connect(databaseConfig(database), { purpose: 'compare', name });
  sessions = [await connect(databases[0], 'a'), await connect(databases[1], 'b')];
});

afterEach(async () => {
  vi.restoreAllMocks();
  for (const database of databases) await database.query('drop table t');
});

afterAll(async () => {
  for (const session of sessions) await session.close();
  for (const database of databases) await database.drop();
});

async function onBoth(sql: string): Promise<void> {
  for (const database of databases) await database.query(sql);
}

test('each kind of difference is found, and counted', async () => {
  const [a, b] = databases;
  await onBoth('create table t (id int, name text, v text, primary key (name, id))');
  await onBoth(`insert into t select i, 'n' || i, 'v' from generate_series(1, 40000) i`);
  await a.query(`insert into t select i, 'only a', null from generate_series(1, 7) i`);
  await b.query(`delete from t where id % 4000 = 1`);
  await b.query(`update t set v = null where id % 4000 = 2`);
  await b.query(`insert into t select i, 'only b', '' from generate_series(1, 1300) i`);

  const found = await compareTable(...sessions, table);
  expect(found).toMatchObject({ onlyFirst: 17, onlySecond: 1_300, differing: 10, allKeys: false });
  expect(found.keys.onlyFirst).toHaveLength(17);
  expect(found.keys.onlySecond).toHaveLength(1_000);
  expect(found.keys.differing).toContain('["n4002", "4002"]');
});

test('rows without a key are counted as often as they are there', async () => {
  const [a, b] = databases;
  await onBoth('create table t (v text)');
  await a.query(`insert into t select 'a' from generate_series(1, 5)`);
  await b.query(`insert into t values ('a'), ('a'), ('b')`);
  expect(await compareTable(...sessions, table)).toMatchObject({ onlyFirst: 3, onlySecond: 1 });
});

test('of a table that is not there yet every row is read once', async () => {
  const [a] = databases;
  await onBoth('create table t (id int primary key)');
  await a.query('insert into t select generate_series(1, 120000)');
  const asked = vi.spyOn(sessions[0], 'query');
  expect(await compareTable(...sessions, table)).toMatchObject({ onlyFirst: 120_000 });
  // counted, summed up, and read
  expect(asked.mock.calls.filter(([text]) => text.includes('as t'))).toHaveLength(3);
});
