// A master reads its own stream late, and must remember what it deleted whatever was done to the table meanwhile:
// else an older change of another master brings the row back there, and there only.
import { afterEach, expect, test, vi } from 'vitest';
import type { Status } from '../../src/observability/status.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { holdLock, untilWaitingForLock } from '../support/hold-lock.ts';
import {
  rowsOf,
  stopCleanly,
  tearDown,
  untilStreaming,
  waitForAll,
} from '../support/replication.ts';
import {
  killReplicators,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source, writeSyncFile } from '../support/sync-file.ts';

vi.setConfig({ testTimeout: 120_000 });

let a: TestDatabase;
let b: TestDatabase;
let config: string;
let replicator: ReplicatorProcess;

afterEach(async () => {
  await killReplicators();
  await tearDown(config);
  for (const database of [a, b]) await database.drop();
});

async function begin({
  tables = ['public.*'],
  initialCopy = 'if_empty',
  ddl = 'create table t (id int primary key, n int, v text)',
} = {}): Promise<void> {
  a = await createDatabase(await sharedServer(newest), 'own stream a');
  b = await createDatabase(await sharedServer(oldest), 'own stream b');
  for (const database of [a, b]) await database.query(ddl);
  config = writeSyncFile(
    { a: source(a), b: source(b) },
    { sync: { initial_copy: initialCopy }, relgroup: { tables } },
  );
  replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b', 'b:a', 'a:a', 'b:b']);
  await a.query(`insert into t values (1, 1, 'one'), (2, 2, 'two')`);
  await waitForAll(config);
  await untilOwnRead();
}

/** Until a has read of its own what it has committed until now. */
async function untilOwnRead(): Promise<void> {
  const [now] = await a.query('select pg_current_wal_insert_lsn()::text as lsn');
  await a.query('update replicator.marker set marked = marked + 1');
  await eventually(
    async () => {
      const read = `select from replicator.progress where source = 'a' and lsn > $1::pg_lsn`;
      return (await a.query(read, [now?.['lsn']])).length === 1;
    },
    { what: 'its own changes, read' },
  );
}

async function whilePaused(name: string, work: () => Promise<void> = async () => {}) {
  const until = async (command: string, state: string) => {
    const from = replicator.logs.length;
    expect(await runCli([command, name, '-c', config])).toMatchObject({ code: 0 });
    await replicator.waitForLog(
      (line) => line['subscription'] === name && line['state'] === state,
      { from },
    );
  };
  await until('pause', 'paused');
  await work();
  await until('resume', 'streaming');
}

/** A row is deleted on a, with an older change of it on b that comes later. */
async function expectItStaysDeleted(there: string, here: string): Promise<void> {
  await whilePaused('b:a', async () => {
    await b.query(`update ${there} set v = 'older' where id = 1`);
    await a.query(`delete from ${here} where id = 1`);
    await untilOwnRead();
  });
  await waitForAll(config);
  expect((await rowsOf(a, here)).filter((row) => row.startsWith('(1,'))).toEqual([]);
  expect(await rowsOf(b, there)).toEqual(await rowsOf(a, here));
}

test.each(['none', 'if_empty'])(
  'a table that joined while its databases ran, %s',
  async (initialCopy) => {
    await begin({ initialCopy });
    for (const database of [a, b])
      await database.query('create table late (id int primary key, v text)');
    // As any session that begins anew does; that of the own stream goes on.
    for (const name of ['a:b', 'b:a']) await whilePaused(name);
    await a.query(`insert into late values (1, 'one'), (2, 'two')`);
    await waitForAll(config);
    await expectItStaysDeleted('late', 'late');
    await stopCleanly(replicator);
  },
);

test('a table that has another name since', async () => {
  await begin();
  await a.query('alter table t rename to renamed');
  await expectItStaysDeleted('t', 'renamed');
  await stopCleanly(replicator);
});

test('a table that is renamed by the transaction that writes to it', async () => {
  await begin();
  await whilePaused('b:a', async () => {
    await b.query(`update t set v = 'older' where id = 1`);
    await a.query(
      `insert into t values (3, 3, 'new'); delete from t where id = 1; alter table t rename to renamed`,
    );
    await untilOwnRead();
  });
  await waitForAll(config);
  expect(await rowsOf(a, 'renamed')).toEqual(['(2,2,two)', '(3,3,new)']);
  expect(await rowsOf(b, 't')).toEqual(await rowsOf(a, 'renamed'));
  expect(replicator.logs.filter(({ level }) => level === 'error')).toEqual([]);
  await stopCleanly(replicator);
});

test('a table that has a name since which the file does not give', async () => {
  await begin({ tables: ['public.t'] });
  await a.query('alter table t rename to renamed');
  const newer = await holdLock(b, `update t set v = 'newer' where id = 2`);
  await a.query(`update renamed set v = 'older' where id = 2`);
  await untilWaitingForLock(b);
  await newer.commit();
  await waitForAll(config);
  expect(await rowsOf(a, 'renamed')).toEqual(['(1,1,one)', '(2,2,newer)']);
  expect(await rowsOf(b, 't')).toEqual(await rowsOf(a, 'renamed'));
  await expectItStaysDeleted('t', 'renamed');
  await stopCleanly(replicator);
});

async function status(): Promise<Status> {
  return JSON.parse((await runCli(['status', '-c', config, '--output', 'json'])).stdout) as Status;
}

test('a column is dropped by the transaction that deletes a row', async () => {
  await begin();
  await a.query('delete from t where id = 2; alter table t drop column n');
  await waitForAll(config);
  await b.query('alter table t drop column n');
  await untilOwnRead();
  await expectItStaysDeleted('t', 't');
  expect(await rowsOf(a, 't')).toEqual([]);
  expect((await status()).healthy).toBe(true);
  await stopCleanly(replicator);
});

test.each([
  ['a unique column is dropped', `insert into t values (3, 3, 'new'); alter table t drop column v`],
  ['the key has another type', 'delete from t; alter table t alter id type text'],
  ['the table is gone', 'delete from t; drop table t'],
])('the own stream goes on where, in the transaction that it reads, %s', async (what, sql) => {
  await begin({ ddl: 'create table t (id int primary key, n int, v text unique)' });
  await a.query(sql);
  await untilOwnRead();
  const { subscriptions } = await status();
  expect(subscriptions.map(({ subscription }) => subscription)).toEqual(['a:b', 'b:a']);
  const told = replicator.logs.filter((line) => line['subscription'] === 'a:a' && line['table']);
  expect(told.map((line) => [line.level, line['table']])).toEqual(
    what.includes('key') ? [['warn', 'public.t']] : [],
  );
  await stopCleanly(replicator);
});
