// The initial copy, while everything goes on: no row is lost, none is there twice.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { holdLock } from '../support/hold-lock.ts';
import { assertNothingLeftOn } from '../support/leftovers.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import { createProxy, type TcpProxy } from '../support/proxy.ts';
import {
  rowsOf,
  stopCleanly,
  tearDown,
  untilEqual,
  untilStreaming,
  waitForAll,
  waitForAllBut,
} from '../support/replication.ts';
import {
  killReplicators,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { middle, newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { type Member, source, target, writeSyncFile } from '../support/sync-file.ts';
import { startWriter } from '../support/writer.ts';

type Rule = 'none' | 'once' | 'if_empty';

let servers: PostgresServer[];
let a: TestDatabase;
let b: TestDatabase;
let c: TestDatabase;
let proxy: TcpProxy | undefined;

beforeEach(async () => {
  servers = await Promise.all([oldest, newest, middle].map(sharedServer));
  [a, b, c] = (await Promise.all(
    servers.map((server, i) => createDatabase(server, `copy ${'abc'[i]}`)),
  )) as [TestDatabase, TestDatabase, TestDatabase];
});

afterEach(async () => {
  await killReplicators();
  await proxy?.close();
  proxy = undefined;
  try {
    await assertNothingLeftOn(servers);
  } finally {
    for (const database of [a, b, c]) await database.drop();
  }
});

const ddl = 'create table t (id int primary key, v text)';

async function everywhere(sql: string, databases = [a, b, c]): Promise<void> {
  for (const database of databases) await database.query(sql);
}

const fill = (table: string, rows: number, v = 'repeat(md5(i::text), 2)'): string =>
  `insert into ${table} select i, ${v} from generate_series(1, ${rows}) i`;

const configOf = (members: Record<string, Member>, rule: Rule): string =>
  writeSyncFile(members, { sync: { initial_copy: rule } });

async function start(config: string, subscriptions: string[]): Promise<ReplicatorProcess> {
  const replicator = startReplicator(config);
  await untilStreaming(replicator, subscriptions);
  return replicator;
}

async function finish(replicator: ReplicatorProcess, config: string): Promise<void> {
  await stopCleanly(replicator);
  await tearDown(config);
}

const copiedBy = (replicator: ReplicatorProcess): unknown[] =>
  replicator.logs.filter(({ msg }) => msg === 'table copied').map((line) => line['table']);

test('rows written during the copy are neither lost nor doubled', async () => {
  await everywhere(`${ddl}; create table without_key (id int, v text)`, [a, b]);
  await a.query(`${fill('t', 200_000)}; ${fill('without_key', 100_000)}`);
  const config = configOf({ a: source(a), b: target(b) }, 'once');
  const writer = await startWriter(
    a,
    (n) => `
      insert into t values (${-n}, 'during');
      update t set v = 'updated during' where id = ${(n * 7919) % 200_000};
      delete from t where id = ${(n * 104_729) % 200_000};
      insert into without_key values (${-n}, 'during')`,
  );
  const replicator = await start(config, ['a:b']);
  expect(copiedBy(replicator)).toEqual(['public.t', 'public.without_key']);
  await writer.stop();
  await waitForAll(config);
  await untilEqual(a, b, 't');
  await untilEqual(a, b, 'without_key');
  const [row] = await b.query('select count(*), count(distinct id) as ids from without_key');
  expect(row).toEqual({
    count: String(100_000 + writer.count),
    ids: String(100_000 + writer.count),
  });
  await finish(replicator, config);
});

test('a target that is added later is copied, although the slot is older', async () => {
  await everywhere(ddl);
  await a.query(fill('t', 1_000));
  const first = configOf({ a: source(a), b: target(b) }, 'once');
  const replicator = await start(first, ['a:b']);
  await a.query(`update t set v = 'after the first copy' where id <= 10`);
  await waitForAll(first);
  await stopCleanly(replicator);
  await a.query(`delete from t where id > 990; insert into t values (0, 'while stopped')`);

  const second = configOf({ a: source(a), b: target(b), c: target(c) }, 'once');
  const writer = await startWriter(a, (n) => `insert into t values (${-n}, 'during')`);
  const again = await start(second, ['a:b', 'a:c']);
  expect(again.logs.filter(({ msg }) => msg === 'table copied')).toMatchObject([
    { subscription: 'a:c', table: 'public.t' },
  ]);
  await writer.stop();
  await waitForAll(second);
  await untilEqual(a, b, 't');
  await untilEqual(a, c, 't');
  await finish(again, second);
});

test('a target is filled by a copy where the one that it came from is gone', async () => {
  await everywhere(ddl);
  await a.query(fill('t', 1_000));
  const first = configOf({ a: source(a), b: target(b) }, 'if_empty');
  await stopCleanly(await start(first, ['a:b']));
  const second = configOf({ b: source(b), c: target(c) }, 'if_empty');
  const replicator = await start(second, ['b:c']);
  await untilEqual(a, c, 't');
  await finish(replicator, second);
  await tearDown(first);
});

test('a table that is added later is copied at the next start', async () => {
  await everywhere(ddl, [a, b]);
  await a.query(fill('t', 10));
  const config = configOf({ a: source(a), b: target(b) }, 'once');
  const replicator = await start(config, ['a:b']);
  await everywhere('create table later (id int primary key, v text)', [a, b]);
  await a.query(fill('later', 1_000));
  await waitForAllBut('a:b: public.later', config);
  expect(await rowsOf(b, 'later')).toEqual([]);
  const status = await runCli(['status', '-c', config, '--output', 'json']);
  expect(JSON.parse(status.stdout).subscriptions[0].waitingTables).toEqual(['public.later']);
  await stopCleanly(replicator);

  const again = await start(config, ['a:b']);
  expect(copiedBy(again)).toEqual(['public.later']);
  await a.query(`insert into later values (0, 'followed'); insert into t values (0, 'too')`);
  await waitForAll(config);
  await untilEqual(a, b, 'later');
  await untilEqual(a, b, 't');
  await finish(again, config);
});

test('once refuses a table that is not empty, in one line that names it', async () => {
  await everywhere(`${ddl}; create table filled (id int primary key, v text)`, [a, b]);
  await a.query(`${fill('t', 10)}; ${fill('filled', 10)}`);
  await b.query(`insert into filled values (7, 'mine')`);
  const config = configOf({ a: source(a), b: target(b) }, 'once');
  const replicator = startReplicator(config);
  const line = await replicator.waitForLog(({ level }) => level === 'error');
  expect(line).toMatchObject({
    subscription: 'a:b',
    code: 'COPY_REFUSED',
    msg: 'b: not empty, so the initial copy is refused: public.filled',
    hint: expect.stringContaining('if_empty'),
  });
  expect(await rowsOf(b, 't')).toEqual([]);
  expect(await rowsOf(b, 'filled')).toEqual(['(7,mine)']);
  const status = await runCli(['status', '-c', config]);
  expect(status.code).toBe(1);
  expect(status.stdout).toContain('public.filled');
  await finish(replicator, config);
});

test('if_empty copies what is empty and names the rest', async () => {
  await everywhere(`${ddl}; create table filled (id int primary key, v text)`, [a, b]);
  await a.query(`${fill('t', 10)}; ${fill('filled', 10)}`);
  await b.query(`insert into filled values (7, 'mine')`);
  const config = configOf({ a: source(a), b: target(b) }, 'if_empty');
  const replicator = await start(config, ['a:b']);
  expect(copiedBy(replicator)).toEqual(['public.t']);
  expect(replicator.logs).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      subscription: 'a:b',
      table: 'public.filled',
      msg: 'table is not empty on the target: joined without a copy',
    }),
  );
  await a.query(`insert into filled values (11, 'followed')`);
  await waitForAll(config);
  await untilEqual(a, b, 't');
  expect(await rowsOf(b, 'filled')).toEqual(['(11,followed)', '(7,mine)']);
  await finish(replicator, config);
});

test('a crash in the middle of the copy leaves every table whole after the restart', async () => {
  const tables = ['t1', 't2', 't3'];
  for (const table of tables)
    await everywhere(`create table ${table} (id int primary key, v text)`, [a, b]);
  await a.query(`${fill('t1', 1_000)}; ${fill('t2', 100_000)}; ${fill('t3', 1_000)}`);
  proxy = await createProxy(b.server.port);
  const config = configOf({ a: source(a), b: target(b, proxy.port) }, 'once');

  let passedBytes = 0;
  const replicator = startReplicator(config);
  // t1 is some 70 kB, t2 some 7 MB
  proxy.onClientData = (chunk) => {
    passedBytes += chunk.length;
    if (passedBytes < 2_000_000) return undefined;
    replicator.signal('SIGKILL');
    return 'cut';
  };
  await replicator.untilExit();
  proxy.onClientData = undefined;
  expect(copiedBy(replicator)).toEqual(['public.t1']);
  expect((await rowsOf(b, 't1')).length).toBe(1_000);
  expect(await rowsOf(b, 't2')).toEqual([]);
  await a.query(
    `delete from t1 where id = 1; delete from t2 where id = 2; insert into t3 values (0, 'new')`,
  );

  const again = await start(config, ['a:b']);
  expect(copiedBy(again)).toEqual(['public.t2', 'public.t3']);
  await waitForAll(config);
  for (const table of tables) await untilEqual(a, b, table);
  await finish(again, config);
});

describe.each(['once', 'if_empty'] as const)('initial_copy: %s between masters', (rule) => {
  test('an empty master is filled, and both directions work afterwards', async () => {
    await everywhere(ddl, [a, b]);
    await a.query(fill('t', 1_000));
    const config = configOf({ a: source(a), b: source(b) }, rule);
    const writer = await startWriter(a, (n) => `insert into t values (${-n}, 'during')`);
    const replicator = await start(config, ['a:b', 'b:a']);
    await writer.stop();
    await waitForAll(config);
    await untilEqual(a, b, 't');
    await b.query(`delete from t where id = 1; update t set v = 'from b' where id = 2`);
    await a.query(`insert into t values (10001, 'from a')`);
    await waitForAll(config);
    await untilEqual(a, b, 't');
    expect(await rowsOf(a, `(select * from t where id in (1, 2, 10001))`)).toEqual([
      '(10001,"from a")',
      '(2,"from b")',
    ]);
    expect(copiedBy(replicator)).toEqual(['public.t']);
    await stopCleanly(replicator);

    const again = await start(config, ['a:b', 'b:a']);
    expect(copiedBy(again)).toEqual([]);
    await finish(again, config);
  });

  test('a mesh of three is filled from the one that has rows', async () => {
    await everywhere(ddl);
    await b.query(fill('t', 1_000));
    const config = configOf({ a: source(a), b: source(b), c: source(c) }, rule);
    const writer = await startWriter(b, (n) => `insert into t values (${-n}, 'during')`);
    const replicator = await start(config, ['a:b', 'a:c', 'b:a', 'b:c', 'c:a', 'c:b']);
    await writer.stop();
    await waitForAll(config);
    await untilEqual(b, a, 't');
    await untilEqual(b, c, 't');
    expect(copiedBy(replicator)).toEqual(['public.t', 'public.t']);
    // Whose rows came by a copy are not taken for equal: they are.
    expect(replicator.logs.filter(({ msg }) => msg?.includes('joined without a copy'))).toEqual([]);
    await a.query(`insert into t values (10001, 'from a')`);
    await b.query(`update t set v = 'from b' where id = 2`);
    await c.query(`delete from t where id = 3`);
    await waitForAll(config);
    await untilEqual(b, a, 't');
    await untilEqual(b, c, 't');
    await finish(replicator, config);
  });

  test('a third master that is added later is filled, although another one writes', async () => {
    await everywhere(`${ddl}; create table u (id int primary key, v text)`);
    await a.query(`${fill('t', 1_000)}; ${fill('u', 1_000)}`);
    const two = configOf({ a: source(a), b: source(b) }, rule);
    const first = await start(two, ['a:b', 'b:a']);
    await a.query(`insert into t values (10001, 'from a')`);
    await b.query(`insert into t values (10002, 'from b')`);
    await waitForAll(two);
    await stopCleanly(first);

    // what b writes meanwhile must not get to c before the copy, which could no longer be made
    const writer = await startWriter(b, (n) => `insert into u values (${-n}, 'from b')`);
    const lock = await holdLock(c, 'lock table t in row exclusive mode');
    const three = configOf({ a: source(a), b: source(b), c: source(c) }, rule);
    const replicator = startReplicator(three);
    await sleep(4_000);
    await lock.release();
    await untilStreaming(replicator, ['a:b', 'a:c', 'b:a', 'b:c', 'c:a', 'c:b']);
    expect(replicator.logs.filter(({ msg }) => msg === 'table copied')).toMatchObject([
      { subscription: 'a:c', table: 'public.t' },
      { subscription: 'a:c', table: 'public.u' },
    ]);
    await writer.stop();
    await waitForAll(three);
    for (const table of ['t', 'u']) {
      await untilEqual(a, b, table);
      await untilEqual(a, c, table);
    }
    await finish(replicator, three);
  });

  test('a third master that is down at first is filled when it comes', async () => {
    await everywhere(ddl);
    await a.query(fill('t', 1_000));
    proxy = await createProxy(c.server.port);
    await proxy.refuse(true);
    const config = configOf({ a: source(a), b: source(b), c: source(c, proxy.port) }, rule);
    const replicator = await start(config, ['b:a']);
    await proxy.refuse(false);
    await untilStreaming(replicator, ['a:b', 'a:c', 'b:c', 'c:a', 'c:b'], { timeoutMs: 40_000 });
    await b.query(`insert into t values (10001, 'from b')`);
    await waitForAll(config);
    await untilEqual(a, b, 't');
    await untilEqual(a, c, 't');
    await finish(replicator, config);
  });
});

test('with none a new table joins when it is empty everywhere, and is else reported', async () => {
  await everywhere(ddl, [a, b]);
  const config = configOf({ a: source(a), b: target(b) }, 'none');
  const replicator = await start(config, ['a:b']);
  await stopCleanly(replicator);
  for (const table of ['empty', 'at_source', 'at_target'])
    await everywhere(`create table ${table} (id int primary key, v text)`, [a, b]);
  await a.query(`insert into at_source values (1, 'a')`);
  await b.query(`insert into at_target values (1, 'b')`);

  const again = await start(config, ['a:b']);
  const warned = again.logs.filter(({ level }) => level === 'warn').map((line) => line['table']);
  expect(warned).toEqual(['public.at_source', 'public.at_target']);
  for (const table of ['empty', 'at_source', 'at_target'])
    await a.query(`insert into ${table} values (2, 'new')`);
  await waitForAllBut('a:b: public.at_source, public.at_target', config);
  expect(await rowsOf(b, 'empty')).toEqual(['(2,new)']);
  expect(await rowsOf(b, 'at_source')).toEqual([]);
  expect(await rowsOf(b, 'at_target')).toEqual(['(1,b)']);

  const status = await runCli(['status', '-c', config]);
  for (const table of ['at_source', 'at_target'])
    expect(status.stdout).toContain(`a:b: public.${table} matches but has not joined`);
  expect(status.stdout).not.toContain('public.empty');
  await finish(again, config);
});
