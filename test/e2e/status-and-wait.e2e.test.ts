// status tells the truth in every situation, and wait returns exactly when all is delivered.
import { hostname } from 'node:os';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Status, SubscriptionStatus } from '../../src/observability/status.ts';
import { startProgram } from '../support/built-program.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { holdLock } from '../support/hold-lock.ts';
import { assertNothingLeftOn } from '../support/leftovers.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import { createProxy, type TcpProxy } from '../support/proxy.ts';
import {
  digestOf,
  rowsOf,
  stopCleanly,
  tearDown,
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
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';
import { startWriter } from '../support/writer.ts';

let servers: PostgresServer[];
let a: TestDatabase;
let b: TestDatabase;
let proxy: TcpProxy;
let config: string;
let replicator: ReplicatorProcess;

beforeEach(async () => {
  servers = [await sharedServer(oldest), await sharedServer(newest)];
  a = await createDatabase(servers[0]!, 'status a');
  b = await createDatabase(servers[1]!, 'status b');
  for (const database of [a, b])
    await database.query('create table t (id int primary key, v text)');
  proxy = await createProxy(b.server.port);
  config = writeSyncFile({ a: source(a), b: target(b, proxy.port) });
  replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b']);
  await waitForAll(config);
});

afterEach(async () => {
  await killReplicators();
  await proxy.close();
  try {
    await assertNothingLeftOn(servers);
  } finally {
    await a.drop();
    await b.drop();
  }
});

interface Shown {
  code: number | null;
  all: Status;
  one: SubscriptionStatus;
}

async function status(): Promise<Shown> {
  const { code, stdout, stderr } = await runCli(['status', '-c', config, '--output', 'json']);
  expect(stderr).toBe('');
  const all = JSON.parse(stdout);
  return { code, all, one: all.subscriptions[0] };
}

const untilStatus = (check: (now: Awaited<ReturnType<typeof status>>) => void, what: string) =>
  eventually(async () => check(await status()), { what, intervalMs: 200, timeoutMs: 30_000 });

async function finish(): Promise<void> {
  await stopCleanly(replicator);
  await tearDown(config);
}

test('while it runs: streaming, no lag, exit code 0, and a stable shape', async () => {
  await a.query(`insert into t values (1, 'one'), (2, 'two')`);
  await a.query(`update t set v = 'uno' where id = 1; delete from t where id = 2`);
  await waitForAll(config);
  await untilStatus(({ one }) => expect(one.lagBytes).toBe(0), 'no lag');
  const { code, all } = await status();
  expect(code).toBe(0);
  const lsn = expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/);
  expect(all).toEqual({
    schemaVersion: 1,
    healthy: true,
    subscriptions: [
      {
        subscription: 'a:b',
        source: 'a',
        target: 'b',
        state: 'streaming',
        healthy: true,
        detached: false,
        lagBytes: expect.any(Number),
        lagSeconds: expect.any(Number),
        flushedLsn: lsn,
        appliedAt: expect.any(String),
        inserts: 2,
        updates: 1,
        deletes: 1,
        truncates: 0,
        conflicts: 0,
        conflictCounts: [],
        tables: 1,
        waitingTables: [],
        lastError: null,
      },
    ],
    slots: [
      {
        database: 'a',
        slotName: 'replicator_a',
        target: null,
        active: true,
        restartLsn: lsn,
        confirmedFlushLsn: lsn,
        walStatus: 'reserved',
        retainedBytes: expect.any(Number),
        safeWalSizeBytes: null,
        secondsToLimit: null,
      },
    ],
    owners: [
      {
        source: 'a',
        host: hostname(),
        pid: replicator.pid,
        since: expect.any(String),
        epoch: 1,
        connected: true,
        standingBy: 0,
      },
    ],
    differences: [],
    heldDeletes: [],
    standbys: [],
    databases: [
      { database: 'a', reachable: true, code: null, error: null },
      { database: 'b', reachable: true, code: null, error: null },
    ],
  });

  const table = await runCli(['status', '-c', config]);
  expect(table).toMatchObject({ code: 0, stderr: '' });
  expect(table.stdout).toMatch(/^a:b +streaming +/m);
  expect(table.stdout).toMatch(/^slot a\/replicator_a: active, retains /m);
  await finish();
});

test('after SIGKILL: down, and the lag grows', async () => {
  await replicator.kill();
  await a.query(`insert into t select i, md5(i::text) from generate_series(1, 1000) i`);
  await untilStatus(({ code, one, all }) => {
    expect(code).toBe(1);
    expect(one).toMatchObject({ state: 'down', healthy: false });
    expect(one.lagBytes).toBeGreaterThan(10_000);
    expect(one.lagSeconds).toBeGreaterThan(0);
    expect(all.slots).toMatchObject([{ active: false }]);
  }, 'the state down');
  await tearDown(config);
});

test('after a clean stop: stopped', async () => {
  await stopCleanly(replicator);
  const { code, one } = await status();
  expect(code).toBe(1);
  expect(one).toMatchObject({ state: 'stopped', healthy: false, lastError: null });
  await tearDown(config);
});

test('before init and after teardown: not set up', async () => {
  await finish();
  const { code, one } = await status();
  expect(code).toBe(1);
  expect(one).toMatchObject({ state: 'not set up', healthy: false, lagBytes: null });
});

test('with a target that is down: waiting, why, and streaming again', async () => {
  await proxy.refuse(true);
  proxy.cut();
  await untilStatus(({ code, one, all }) => {
    expect(code).toBe(1);
    expect(one).toMatchObject({ state: 'waiting', healthy: false });
    expect(one.lastError).toMatchObject({ code: 'UNREACHABLE' });
    expect(all.databases).toMatchObject([
      { database: 'a', reachable: true },
      { database: 'b', reachable: false, error: expect.stringContaining('ECONNREFUSED') },
    ]);
  }, 'the state waiting');
  expect((await runCli(['status', '-c', config])).stdout).toContain('database b is unreachable');

  await proxy.refuse(false);
  await untilStatus(({ code, one }) => {
    expect(code).toBe(0);
    expect(one).toMatchObject({ state: 'streaming', lastError: null });
  }, 'the state streaming');
  await finish();
});

test('with a target that is locked: lag in bytes and seconds, and none afterwards', async () => {
  const lock = await holdLock(b, 'lock table t');
  await a.query(`insert into t select i, md5(i::text) from generate_series(1, 1000) i`);
  let seconds = 0;
  await untilStatus(({ one }) => {
    expect(one.lagBytes).toBeGreaterThan(10_000);
    expect(one.lagSeconds).toBeGreaterThan(0);
    seconds = Number(one.lagSeconds);
  }, 'a lag');
  await untilStatus(({ one }) => expect(one.lagSeconds).toBeGreaterThan(seconds + 1), 'more lag');
  await lock.release();
  await untilStatus(({ code, one }) => {
    expect(code).toBe(0);
    expect(one).toMatchObject({ lagBytes: 0, lagSeconds: 0, inserts: 1000 });
  }, 'no lag');
  await finish();
});

test('--watch repeats until it is stopped', async () => {
  const child = startProgram(['status', '-c', config, '--watch', '1'], {});
  let output = '';
  child.stdout.on('data', (text: string) => {
    output += text;
  });
  await eventually(() => output.split('SUBSCRIPTION').length > 3, { what: 'three pictures' });
  const exited = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGINT');
  expect(await exited).toBe(0);
  expect(await runCli(['status', '-c', config, '--watch', 'soon'])).toMatchObject({ code: 64 });
  await finish();
});

test('wait returns once everything is delivered, idle and under load', async () => {
  for (const _ of [1, 2, 3]) await waitForAll(config);
  const writer = await startWriter(
    a,
    (n) => `insert into t select ${n} * 1000 + i, md5(i::text) from generate_series(0, 99) i`,
  );
  for (const _ of [1, 2, 3]) {
    const before = writer.count;
    await waitForAll(config);
    const [row] = await b.query('select count(*) / 100 as batches from t');
    expect(Number(row?.['batches'])).toBeGreaterThanOrEqual(before);
  }
  await writer.stop();
  await waitForAll(config);
  expect(await digestOf(b, 't')).toEqual(await digestOf(a, 't'));
  await finish();
});

test('wait gives up with 75 when nobody replicates, and names who is behind', async () => {
  await stopCleanly(replicator);
  const late = await runCli(['wait', '-c', config, '--timeout', '500ms']);
  expect(late.code).toBe(75);
  expect(late.stderr).toContain('after 0.5 s still behind: a:b (stopped)\n');
  expect(await runCli(['wait', '-c', config, '--timeout', '500'])).toMatchObject({ code: 64 });
  await tearDown(config);
});

test('wait says of what it waits for that it is paused, or why it failed', async () => {
  const late = async () => (await runCli(['wait', '-c', config, '--timeout', '1s'])).stderr;
  expect(await runCli(['pause', 'a:b', '-c', config])).toMatchObject({ code: 0 });
  await untilStatus(({ one }) => expect(one.detached).toBe(true), 'that it rests');
  expect(await late()).toContain('after 1 s still behind: a:b (paused)\n');
  expect(await runCli(['resume', 'a:b', '-c', config])).toMatchObject({ code: 0 });
  await waitForAll(config);
  await b.query('alter table t drop column v');
  await a.query(`insert into t values (1, 'one')`);
  await untilStatus(({ one }) => expect(one.state).toBe('failed'), 'the state failed');
  expect(await late()).toContain('after 1 s still behind: a:b (failed: SCHEMA_DRIFT)\n');
  await finish();
});

test('wait names a table that is not replicated, or waits until it has joined', async () => {
  for (const database of [a, b]) await database.query('create table later (id int primary key)');
  await waitForAllBut('a:b: public.later', config);
  const [waited] = await Promise.all([runCli(['wait', '-c', config]), replicator.signal('SIGHUP')]);
  expect(waited).toMatchObject({ code: 0, stderr: '' });
  await a.query('insert into later values (1)');
  await waitForAll(config);
  expect(await rowsOf(b, 'later')).toEqual(['(1)']);
  // Its changes go on under another name.
  await a.query('alter table later rename to renamed; insert into renamed values (2)');
  await waitForAll(config);
  expect(await rowsOf(b, 'later')).toEqual(['(1)', '(2)']);
  expect((await status()).one.waitingTables).toEqual([]);
  await finish();
});

test('wait gives up in time also where a source does not commit', async () => {
  const lock = await holdLock(a, 'lock table replicator.marker');
  const late = await runCli(['wait', '-c', config, '--timeout', '1s']);
  expect(late.code).toBe(75);
  expect(late.stderr).toContain('after 1 s a has not committed the marker');
  await lock.release();
  await finish();
});

test('wait ends with 69 when a database is unreachable', async () => {
  await proxy.refuse(true);
  proxy.cut();
  expect(await runCli(['wait', '-c', config])).toMatchObject({
    code: 69,
    stderr: expect.stringContaining('ECONNREFUSED'),
  });
  await proxy.refuse(false);
  await finish();
});
