// Several masters change the same rows while nothing goes between them; afterwards all are equal,
// and the last commit stays.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { assertNothingLeftOn } from '../support/leftovers.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import {
  rowsOf,
  stopCleanly,
  tearDown,
  untilEqual,
  untilStreaming,
  waitForAll,
} from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { middle, newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source, writeSyncFile } from '../support/sync-file.ts';
import { initializeFile } from '../support/synced-databases.ts';

let servers: PostgresServer[];
let masters: TestDatabase[];
let a: TestDatabase;
let b: TestDatabase;
let c: TestDatabase;
let config: string;

const subscriptions = ['a:b', 'a:c', 'b:a', 'b:c', 'c:a', 'c:b'];

beforeEach(async () => {
  servers = await Promise.all([oldest, newest, middle].map(sharedServer));
  masters = await Promise.all(
    servers.map((server, i) => createDatabase(server, `converge ${'abc'[i]}`)),
  );
  [a, b, c] = masters as [TestDatabase, TestDatabase, TestDatabase];
  for (const database of masters)
    await database.query(`
      create table t (id int primary key, v text, big text);
      alter table t alter column big set storage external;
      create table n (id numeric primary key, v text)`);
  config = await initializeFile(
    writeSyncFile({ a: source(a), b: source(b), c: source(c) }, { file: { apply: {} } }),
  );
});

afterEach(async () => {
  await killReplicators();
  try {
    await assertNothingLeftOn(servers);
  } finally {
    for (const database of masters) await database.drop();
  }
});

/** Runs the replicator until all that was committed is everywhere. */
async function settle(): Promise<void> {
  const replicator = startReplicator(config);
  await untilStreaming(replicator, subscriptions);
  await waitForAll(config);
  for (const table of ['t', 'n']) for (const other of [b, c]) await untilEqual(a, other, table);
  await stopCleanly(replicator);
}

async function everywhere(sql: string): Promise<void> {
  await a.query(sql);
  await settle();
}

test.each<[string, string, [keyof typeof letters, string][], string[]]>([
  [
    'the last of three updates stays',
    `insert into t values (1, 'old')`,
    [
      ['a', `update t set v = 'a'`],
      ['c', `update t set v = 'c'`],
      ['b', `update t set v = 'b'`],
    ],
    ['(1,b,)'],
  ],
  [
    'the last of three inserts stays',
    '',
    [
      ['c', `insert into t values (1, 'c')`],
      ['b', `insert into t values (1, 'b')`],
      ['a', `insert into t values (1, 'a')`],
    ],
    ['(1,a,)'],
  ],
  [
    'an update after a delete brings the row back',
    `insert into t values (1, 'old', 'big')`,
    [
      ['a', 'delete from t'],
      ['b', `update t set v = 'b'`],
    ],
    ['(1,b,big)'],
  ],
  [
    'a delete after an update stays',
    `insert into t values (1, 'old')`,
    [
      ['b', `update t set v = 'b'`],
      ['a', 'delete from t'],
    ],
    [],
  ],
  [
    'a delete beats the insert before it that arrives later',
    `insert into t values (1, 'old')`,
    [
      ['a', `delete from t; insert into t values (1, 'again')`],
      ['b', 'delete from t'],
      ['c', 'delete from t'],
    ],
    [],
  ],
  [
    'a row that is inserted again stays',
    `insert into t values (1, 'old')`,
    [
      ['a', 'delete from t'],
      ['b', 'delete from t'],
      ['b', `insert into t values (1, 'again')`],
    ],
    ['(1,again,)'],
  ],
  [
    'large values that an update did not touch are those of its source',
    `insert into t values (1, 'old', repeat('x', 10000)), (2, 'old', repeat('x', 10000))`,
    [
      ['a', `update t set big = repeat('a', 10000) where id = 1`],
      ['b', `update t set v = 'b' where id = 1`],
      ['b', `update t set v = 'b' where id = 2`],
      ['a', `update t set big = repeat('a', 10000) where id = 2`],
    ],
    [`(1,b,${'x'.repeat(10_000)})`, `(2,old,${'a'.repeat(10_000)})`],
  ],
  [
    'a changed key is a delete and an insert',
    `insert into t values (1, 'one'), (2, 'two')`,
    [
      ['a', 'update t set id = 10 where id = 1'],
      ['b', `update t set v = 'b' where id = 1`],
      ['b', `update t set v = 'b' where id = 2`],
      ['c', 'update t set id = 20 where id = 2'],
    ],
    ['(1,b,)', '(10,one,)', '(20,two,)'],
  ],
  [
    'many transactions in one batch keep their times',
    `insert into t select i, 'old' from generate_series(1, 3) i`,
    [
      ['a', `update t set v = 'a' where id = 1`],
      ['c', `update t set v = 'c'`],
      ['a', `update t set v = 'later' where id = 3`],
    ],
    ['(1,c,)', '(2,c,)', '(3,later,)'],
  ],
])('%s', async (_, before, steps, expected) => {
  if (before !== '') await everywhere(before);
  for (const [master, sql] of steps) await letters[master]().query(sql);
  await settle();
  expect(await rowsOf(a, 't')).toEqual(expected);
  await tearDown(config);
});

test('keys that are equal but spelled otherwise are one row', async () => {
  await everywhere('insert into n values (1.0, $$old$$)');
  await a.query('delete from n where id = 1');
  await b.query(`delete from n where id = 1; insert into n values (1.00, 'b')`);
  await c.query(`update n set v = 'c'`);
  await settle();
  expect(await rowsOf(a, 'n')).toEqual(['(1.0,c)']);
  await tearDown(config);
});

test('a deleted number takes none of the opposite sign with it', async () => {
  await everywhere('insert into n values (-5, $$old$$)');
  await b.query(`insert into n values (5, 'b')`);
  await a.query('delete from n where id = -5');
  await settle();
  expect(await rowsOf(a, 'n')).toEqual(['(5,b)']);
  await tearDown(config);
});

test('whatever is written at the same time, all end equal', async () => {
  await everywhere(
    `insert into t select i, 'old', repeat('x', 3000) from generate_series(1, 40) i`,
  );
  const replicator = startReplicator(config);
  await untilStreaming(replicator, subscriptions);
  const change = (n: number, key: number, name: string) =>
    [
      `update t set v = '${name}${n}' where id = ${key}`,
      `update t set big = repeat('${name}', 3000) where id = ${key}`,
      `delete from t where id = ${key}`,
      `insert into t values (${key}, '${name}${n}') on conflict (id) do update set v = excluded.v`,
      `update t set id = id + 100 where id = ${key} and not exists (select from t where id = ${key} + 100)`,
    ][n % 5] ?? '';
  await Promise.all(
    masters.map(async (master, m) => {
      for (let n = 0; n < 400; n++)
        await master
          .query(change((n * 7 + m * 3) % 100, ((n * 13 + m * 5) % 40) + 1, 'abc'[m] ?? ''))
          .catch((error) => {
            // somebody deleted or inserted in between
            if (!/duplicate key|deadlock/.test(String(error))) throw error;
          });
    }),
  );
  await waitForAll(config);
  for (const other of [b, c]) await untilEqual(a, other, 't');
  await stopCleanly(replicator);
  await tearDown(config);
});

const letters = { a: () => a, b: () => b, c: () => c };
