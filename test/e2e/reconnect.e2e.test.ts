// Whatever breaks between it and the servers: it comes back by itself, and all tables are equal.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeftOn } from '../support/leftovers.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import { createProxy, type TcpProxy } from '../support/proxy.ts';
import {
  stopCleanly,
  tearDown,
  untilEqual,
  untilStreaming,
  waitForAll,
} from '../support/replication.ts';
import {
  killReplicators,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';
import { startWriter } from '../support/writer.ts';

let servers: PostgresServer[];
let a: TestDatabase;
let b: TestDatabase;
let c: TestDatabase;
let proxyA: TcpProxy;
let proxyB: TcpProxy;
let config: string;
let replicator: ReplicatorProcess;

// of our own, as they are stopped and started
beforeAll(async () => {
  servers = [
    await startServer({ major: oldest, name: 'reconnect-a' }),
    await startServer({ major: newest, name: 'reconnect-b' }),
    await sharedServer(newest),
  ];
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.remove()));
});

beforeEach(async () => {
  [a, b, c] = (await Promise.all(
    servers.map((server, i) => createDatabase(server, `reconnect ${'abc'[i]}`)),
  )) as [TestDatabase, TestDatabase, TestDatabase];
  for (const database of [a, b, c])
    await database.query('create table t (id int primary key, v text)');
  proxyA = await createProxy(a.server.port);
  proxyB = await createProxy(b.server.port);
  config = writeSyncFile({
    a: source(a, proxyA.port),
    b: target(b, proxyB.port),
    c: target(c),
  });
});

afterEach(async () => {
  await killReplicators();
  await proxyA.close();
  await proxyB.close();
  try {
    await assertNothingLeftOn(servers);
  } finally {
    for (const database of [a, b, c]) await database.drop();
  }
});

async function start(): Promise<void> {
  replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b', 'a:c']);
}

/** Changes of every kind, `n` of each. */
const changes = (n: number): string => `
  insert into t select i, 'new' from generate_series(${n}, ${n} + 99) i;
  update t set v = v || '.' where id % 7 = 0;
  delete from t where id % 11 = 0`;

async function finish(): Promise<void> {
  await eventually(() => waitForAll(config), { timeoutMs: 40_000, what: 'all to be delivered' });
  await untilEqual(a, b, 't');
  await untilEqual(a, c, 't');
  expect(replicator.logs.filter(({ level }) => level === 'error')).toEqual([]);
  await stopCleanly(replicator);
  await tearDown(config);
}

test('a target is stopped and started again; the other one does not notice', async () => {
  await start();
  await a.query(changes(0));
  await b.server.stop();
  await a.query(changes(100));
  await untilEqual(a, c, 't');
  await b.server.start();
  await a.query(changes(200));
  await finish();
});

test('the source is stopped and started again', async () => {
  await start();
  await a.query(changes(0));
  await a.server.restart();
  await a.query(changes(100));
  await finish();
});

test('walsender and appliers are terminated again and again under load', async () => {
  await start();
  const writer = await startWriter(a, (n) => changes(n * 100));
  for (let round = 0; round < 5; round++) {
    for (const { server } of [a, b, c]) await terminate(server, 'walsender|apply|control');
    await sleep(500);
  }
  await writer.stop();
  await finish();
});

test('a target is unreachable at the start and appears later; the other one streams on', async () => {
  await proxyB.refuse(true);
  replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:c']);
  await a.query(changes(0));
  await untilEqual(a, c, 't');
  await a.query(changes(100));
  await untilEqual(a, c, 't');
  await proxyB.refuse(false);
  await untilStreaming(replicator, ['a:b']);
  await a.query(changes(200));
  await finish();
});

test('the source is unreachable at the start and appears later', async () => {
  await proxyA.refuse(true);
  await a.query(changes(0));
  replicator = startReplicator(config);
  await replicator.waitForLog(({ code }) => code === 'UNREACHABLE');
  await proxyA.refuse(false);
  await untilStreaming(replicator, ['a:b', 'a:c']);
  await a.query('truncate t');
  await a.query(changes(100));
  await finish();
});

test.each(['source', 'target'])('the network to the %s is cut under load', async (which) => {
  const proxy = which === 'source' ? proxyA : proxyB;
  await start();
  const writer = await startWriter(a, (n) => changes(n * 100));
  for (let round = 0; round < 5; round++) {
    await sleep(300);
    proxy.cut();
  }
  await proxy.refuse(true);
  proxy.cut();
  await sleep(1_000);
  await proxy.refuse(false);
  await writer.stop();
  await finish();
});

test.each(['source', 'target'])('the network to the %s is silent for a while', async (which) => {
  const proxy = which === 'source' ? proxyA : proxyB;
  await start();
  await a.query(changes(0));
  proxy.blackhole(true);
  await a.query(changes(100));
  if (which === 'target') await untilEqual(a, c, 't');
  await sleep(2_000);
  proxy.blackhole(false);
  await a.query(changes(200));
  await finish();
});

test('a connection that died in the silence is replaced', async () => {
  await start();
  proxyB.blackhole(true);
  await a.query(changes(0));
  await untilEqual(a, c, 't');
  await terminate(b.server, 'apply');
  proxyB.cut();
  proxyB.blackhole(false);
  await finish();
});

async function terminate(server: PostgresServer, purposes: string): Promise<void> {
  await server.query(
    'postgres',
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name ~ '^replicator/.*/(${purposes})$'`,
  );
}
