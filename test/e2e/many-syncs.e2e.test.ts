// Several syncs in one file: overlapping groups of tables, one source to several targets, several
// sources into one target, on servers of different versions.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeConfig } from '../support/config-file.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { assertNothingLeftOn } from '../support/leftovers.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import { appliedRows, stopCleanly, tearDown, waitForAll } from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { middle, newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { expectEqual, initializeFile } from '../support/synced-databases.ts';

const placement = { a: newest, b: oldest, c: middle, d: newest };
const databases = new Map<string, TestDatabase>();
const servers = new Set<PostgresServer>();

beforeAll(async () => {
  for (const [name, major] of Object.entries(placement)) {
    const server = await sharedServer(major);
    servers.add(server);
    const database = await createDatabase(server, `many ${name}`);
    databases.set(name, database);
    await database.query(`
      create table shared (id int primary key, v text);
      create table audit (id int primary key, v text);
      create table "from A" (id int primary key, v text);
      create table from_b (id int primary key, v text);
      create table nowhere (id int primary key, v text)`);
  }
}, 60_000);

afterAll(async () => {
  await killReplicators();
  await Promise.all([...databases.values()].map((database) => database.drop()));
  await assertNothingLeftOn(servers);
});

function database(name: string): TestDatabase {
  return databases.get(name) as TestDatabase;
}

test('each table goes where some sync says so, and once', async () => {
  const path = await initializeFile(
    writeConfig({
      databases: Object.fromEntries([...databases].map(([name, { url }]) => [name, { url }])),
      relgroups: {
        everything: { tables: ['public.*'], exclude: ['public.nowhere', 'public.from_b'] },
        some: { tables: ['public.shared', 'public."from A"'] },
        of_b: { tables: ['public.from_*'] },
      },
      dbgroups: {
        fan_out: { a: 'source', b: 'target', c: 'target' },
        // overlaps: a:c carries shared by two syncs
        again: { a: 'source', c: 'target', d: 'target' },
        into_c: { b: 'source', c: 'target' },
      },
      syncs: {
        one: { relgroup: 'everything', dbgroup: 'fan_out' },
        two: { relgroup: 'some', dbgroup: 'again' },
        three: { relgroup: 'of_b', dbgroup: 'into_c' },
      },
    }),
  );
  const replicator = startReplicator(path);
  await database('a').query(`
    insert into shared select i, 'a' from generate_series(1, 100) i;
    insert into audit select i, 'a' from generate_series(1, 10) i;
    insert into "from A" values (1, 'a');
    insert into from_b values (1, 'only here');
    insert into nowhere values (1, 'only here')`);
  await database('b').query(
    `insert into from_b values (2, 'b'); insert into nowhere values (2, 'b')`,
  );
  await waitForAll(path);
  await database('a').query(`update shared set v = 'changed' where id <= 50; delete from audit`);
  await database('b').query(`update from_b set v = 'changed'`);
  await waitForAll(path);

  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(database) as [
    TestDatabase,
    TestDatabase,
    TestDatabase,
    TestDatabase,
  ];
  await expectEqual([a, b, c, d], 'shared');
  await expectEqual([a, b, c, d], '"from A"');
  await expectEqual([a, b, c], 'audit');
  await expectEqual([b, c], 'from_b');
  const count = async (where: TestDatabase, table: string) =>
    (await where.query(`select count(*) as n from ${table}`))[0]?.['n'];
  expect(await count(d, 'from_b')).toBe('0');
  for (const target of [c, d]) expect(await count(target, 'nowhere')).toBe('0');
  expect(await appliedRows(c)).toMatchObject([
    { source: 'a', inserts: '111', updates: '50', deletes: '10' },
    { source: 'b', inserts: '1', updates: '1', deletes: '0' },
  ]);
  expect(await appliedRows(d)).toMatchObject([{ source: 'a', inserts: '101', updates: '50' }]);
  expect(replicator.logs.filter(({ level }) => level === 'error')).toEqual([]);
  await stopCleanly(replicator);
  await tearDown(path);
}, 60_000);
