// A target is set back to an older copy of its data directory, under the same owner: what it lacks is
// sent again where a slot still holds it, and otherwise it is refused, with the tables to resync.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import { OwnServer } from '../support/own-server.ts';
import { createProxy, type TcpProxy } from '../support/proxy.ts';
import { rowsOf, untilEqual, untilStreaming } from '../support/replication.ts';
import {
  killReplicators,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';

let server: OwnServer;
let copy: OwnServer;
let a: TestDatabase;
/** On the server that is set back. */
let b: TestDatabase;
let c: TestDatabase;
let proxyC: TcpProxy;
let config: string;
let replicator: ReplicatorProcess;

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

/** The copy has the first 100 rows. */
beforeEach(async () => {
  const shared = await sharedServer(newest);
  server = await OwnServer.create({ major: newest, name: 'restored' });
  a = await createDatabase(shared, 'restored a');
  b = await createDatabase(server, 'restored b');
  c = await createDatabase(shared, 'restored c');
  for (const database of [a, b, c])
    await database.query('create table t (id int primary key, v text)');
  proxyC = await createProxy(shared.port);
  config = writeSyncFile({ a: source(a), b: target(b), c: target(c, proxyC.port) });
  replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b', 'a:c']);
  await insert(1, 100);
  await untilEqual(a, b, 't');
  const from = replicator.logs.length;
  await server.stop();
  copy = await OwnServer.copyOf(server, async () => {});
  await copy.stop();
  await server.start();
  await untilStreaming(replicator, ['a:b'], { from });
});

afterEach(async () => {
  await killReplicators();
  await proxyC.close();
  for (const each of [server, copy]) await each.remove();
  await a.drop();
  await c.drop();
  const shared = a.server;
  await shared.query('postgres', `select pg_replication_origin_drop('replicator_a__c')`);
  await assertNothingLeft(shared);
});

async function insert(from: number, to: number): Promise<void> {
  await a.query(`insert into t select i, 'row ' || i from generate_series(${from}, ${to}) i`);
}

async function restore(): Promise<void> {
  await server.stop();
  await server.becomeCopyOf(copy);
  await server.start();
}

async function untilRefused(from: number): Promise<void> {
  const { hint } = await replicator.waitForLog(
    ({ code, level }) => code === 'GAP' && level === 'error',
    { from, timeoutMs: 40_000 },
  );
  expect(hint).toContain('public.t');
  await insert(1_001, 1_100);
  await untilEqual(a, c, 't');
  expect(await rowsOf(b, 't')).toHaveLength(100);
}

/** All that was written until now. */
async function untilConfirmed(): Promise<void> {
  const [row] = await a.query('select pg_current_wal_lsn() as lsn');
  await a.query('update replicator.marker set marked = marked + 1');
  await eventually(async () => {
    const reached = await a.query(
      `select from pg_replication_slots where slot_name = 'replicator_a' and confirmed_flush_lsn >= $1`,
      [row?.['lsn']],
    );
    return reached.length > 0;
  });
}

test('it is refused when the slot has gone on', async () => {
  await insert(101, 200);
  await untilEqual(a, b, 't');
  await untilConfirmed();
  const from = replicator.logs.length;
  await restore();
  await untilRefused(from);
});

test('it is refused when the slot that is kept for it alone has gone on', async () => {
  await insert(101, 200);
  await untilEqual(a, b, 't');
  await untilConfirmed();
  expect(await runCli(['pause', 'a:b', '-c', config])).toMatchObject({ code: 0 });
  await eventually(async () => {
    const copies = await a.query(
      `select from pg_replication_slots where slot_name = 'replicator_a__b'`,
    );
    return copies.length > 0;
  });
  await restore();
  const from = replicator.logs.length;
  expect(await runCli(['resume', 'a:b', '-c', config])).toMatchObject({ code: 0 });
  await untilRefused(from);
});

test('it gets again what it lacks while the slot holds that for another target', async () => {
  await proxyC.refuse(true);
  proxyC.cut();
  await insert(101, 200);
  await untilEqual(a, b, 't');
  await restore();
  await insert(201, 300);
  await untilEqual(a, b, 't');
  expect(await rowsOf(b, 't')).toHaveLength(300);
  await proxyC.refuse(false);
  await untilEqual(a, c, 't');
  expect(replicator.logs.filter(({ level }) => level === 'error')).toEqual([]);
});
