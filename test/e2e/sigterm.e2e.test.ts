// SIGTERM ends it within ten seconds with exit code 0, whatever it is doing, and leaves no session.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type HeldLock, holdLock, untilWaitingForLock } from '../support/hold-lock.ts';
import { assertNothingLeftOn } from '../support/leftovers.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import { createProxy, type TcpProxy } from '../support/proxy.ts';
import {
  expectNoSessions,
  stopCleanly,
  tearDown,
  untilEqual,
  untilStreaming,
  waitForAll,
} from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';
import { startWriter } from '../support/writer.ts';

let servers: PostgresServer[];
let a: TestDatabase;
let b: TestDatabase;
let proxy: TcpProxy;
let config: string;
let lock: HeldLock | undefined;

beforeEach(async () => {
  servers = [await sharedServer(oldest), await sharedServer(newest)];
  a = await createDatabase(servers[0]!, 'stop a');
  b = await createDatabase(servers[1]!, 'stop b');
  for (const database of [a, b])
    await database.query('create table t (id int primary key, v text)');
  proxy = await createProxy(b.server.port);
  config = writeSyncFile(
    { a: source(a), b: target(b, proxy.port) },
    { sync: { initial_copy: 'once' } },
  );
});

afterEach(async () => {
  await lock?.release();
  lock = undefined;
  await killReplicators();
  await proxy.close();
  try {
    await assertNothingLeftOn(servers);
  } finally {
    await a.drop();
    await b.drop();
  }
});

async function start() {
  const replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b']);
  return replicator;
}

/** What was interrupted is made up for, and everything can be removed. */
async function finish(): Promise<void> {
  await expectNoSessions(servers);
  const again = await start();
  await waitForAll(config);
  await untilEqual(a, b, 't');
  await stopCleanly(again);
  await expectNoSessions(servers);
  await tearDown(config);
}

test('idle', async () => {
  const replicator = await start();
  await waitForAll(config);
  await stopCleanly(replicator);
  expect(replicator.logs.at(-1)).toMatchObject({ level: 'info', msg: 'stopped' });
  await finish();
});

test('right after the start', async () => {
  const replicator = startReplicator(config);
  await replicator.waitForLog('started');
  await stopCleanly(replicator);
  await finish();
});

test('under load: what was applied until then is confirmed', async () => {
  const replicator = await start();
  const writer = await startWriter(a, (n) => `insert into t values (${n}, repeat('x', 100))`);
  await sleep(1_000);
  await stopCleanly(replicator);
  const [progress] = await b.query('select lsn from replicator.progress');
  const [slot] = await a.query('select confirmed_flush_lsn as lsn from pg_replication_slots');
  expect(slot).toEqual(progress);
  await writer.stop();
  await finish();
});

test('with a batch that waits for a lock on the target', async () => {
  const replicator = await start();
  lock = await holdLock(b, 'lock table t');
  await a.query(`insert into t values (1, 'blocked')`);
  await untilWaitingForLock(b);
  await stopCleanly(replicator);
  await lock.release();
  await finish();
});

test('during the initial copy', async () => {
  await a.query(`insert into t select i, md5(i::text) from generate_series(1, 50000) i`);
  let passedBytes = 0;
  const replicator = startReplicator(config);
  // the copy goes on for ever, one could think
  proxy.onClientData = (chunk) => {
    passedBytes += chunk.length;
    if (passedBytes > 500_000) proxy.delayMs = 60_000;
    return undefined;
  };
  await replicator.waitForLog(({ state }) => state === 'copying');
  await expect.poll(() => proxy.delayMs, { timeout: 10_000 }).toBeGreaterThan(0);
  await stopCleanly(replicator);
  proxy.onClientData = undefined;
  proxy.delayMs = 0;
  proxy.cut();
  await finish();
});

test('during an initial copy that waits for a lock', async () => {
  await a.query(`insert into t values (1, 'one')`);
  lock = await holdLock(b, 'lock table t in row exclusive mode');
  const replicator = startReplicator(config);
  await replicator.waitForLog(({ state }) => state === 'copying');
  await untilWaitingForLock(b);
  await stopCleanly(replicator);
  await lock.release();
  await finish();
});

test('with a target that is down', async () => {
  const replicator = await start();
  await proxy.refuse(true);
  proxy.cut();
  await replicator.waitForLog(({ state }) => state === 'waiting');
  await a.query(`insert into t values (1, 'not yet')`);
  await stopCleanly(replicator);
  await proxy.refuse(false);
  await finish();
});

test('with a target that does not answer', async () => {
  const replicator = await start();
  proxy.blackhole(true);
  await a.query(`insert into t values (1, 'not yet')`);
  await sleep(500);
  await stopCleanly(replicator);
  proxy.blackhole(false);
  proxy.cut();
  await finish();
});

test('a second SIGTERM ends it at once, with 143', async () => {
  const replicator = await start();
  lock = await holdLock(b, 'lock table t');
  await a.query(`insert into t values (1, 'blocked')`);
  await untilWaitingForLock(b);
  replicator.signal('SIGTERM');
  await replicator.waitForLog('stopping');
  const { code, ms } = await replicator.stop();
  expect(code).toBe(143);
  expect(ms).toBeLessThan(1_000);
  await lock.release();
  await finish();
});

test('SIGINT drains as well, and a second one ends it with 130', async () => {
  const first = await start();
  first.signal('SIGINT');
  expect(await first.untilExit()).toMatchObject({ code: 0 });

  const second = await start();
  lock = await holdLock(b, 'lock table t');
  await a.query(`insert into t values (1, 'blocked')`);
  await untilWaitingForLock(b);
  second.signal('SIGINT');
  await second.waitForLog('stopping');
  second.signal('SIGINT');
  expect(await second.untilExit()).toMatchObject({ code: 130 });
  await lock.release();
  await finish();
});
