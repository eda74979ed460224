// Rows on their way look like differences, so what a comparison found is looked at again.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Session } from '../../../src/postgres/session.ts';
import { compareAgain, compareTable } from '../../../src/verify/compare-table.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { newest, sharedServer } from '../../support/servers-for-tests.ts';

const table = { schema: 'public', name: 't' };
let databases: TestDatabase[];

beforeAll(async () => {
  const server = await sharedServer(newest);
  databases = [await createDatabase(server, 'again a'), await createDatabase(server, 'again b')];
  for (const database of databases) await database.query('create table t (id int primary key)');
});

afterAll(async () => {
  for (const database of databases) await database.drop();
});

test('rows whose keys were not kept are not forgotten', async () => {
  const [a, b] = databases as [TestDatabase, TestDatabase];
  await using first = await Session.connect(databaseConfig(a), { purpose: 'compare', name: 'a' });
  await using second = await Session.connect(databaseConfig(b), { purpose: 'compare', name: 'b' });
  await a.query('insert into t select generate_series(1, 5000)');
  const found = await compareTable(first, second, table);
  expect(found).toMatchObject({ onlyFirst: 5_000, onlySecond: 0, differing: 0, allKeys: false });

  const arrived = found.keys.onlyFirst.map((key) => `(${JSON.parse(key)[0]})`);
  await b.query(`insert into t values ${arrived.join(', ')}`);
  const rest = await compareAgain(first, second, found);
  expect(rest.onlyFirst).toBe(5_000 - arrived.length);

  // What is written meanwhile is another matter once all keys are known.
  await b.query('truncate t; insert into t select generate_series(1, 4990)');
  const last = await compareAgain(first, second, rest);
  expect(last).toMatchObject({ onlyFirst: 10, allKeys: true });
  await a.query('insert into t values (5001)');
  expect(await compareAgain(first, second, last)).toMatchObject({ onlyFirst: 10 });
});
