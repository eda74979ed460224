// A machine that is lost and comes back: kill -9 of all processes of a server, under load.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import { type Load, startLoad } from '../support/load.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import { stopCleanly, tearDown, waitForAll } from '../support/replication.ts';
import {
  killReplicators,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { middle, newest } from '../support/servers-for-tests.ts';
import { expectEqual, initialize } from '../support/synced-databases.ts';

const kills = 4;

let sourceServer: PostgresServer;
let targetServer: PostgresServer;
let source: TestDatabase;
let target: TestDatabase;
let config: string;
let replicator: ReplicatorProcess;

beforeAll(async () => {
  [sourceServer, targetServer] = await Promise.all([
    startServer({ major: newest, name: 'killed-source' }),
    startServer({ major: middle, name: 'killed-target' }),
  ]);
}, 60_000);

beforeEach(async () => {
  source = await createDatabase(sourceServer, 'kill source');
  target = await createDatabase(targetServer, 'kill target');
  for (const database of [source, target])
    await database.query(`
      create table items (id bigint primary key, n int not null);
      create table events (n bigint, part int)`);
  config = await initialize({
    a: { database: source, role: 'source' },
    b: { database: target, role: 'target' },
  });
  replicator = startReplicator(config);
});

afterEach(async () => {
  await killReplicators();
  await Promise.all([source.drop(), target.drop()]);
  await Promise.all([assertNothingLeft(sourceServer), assertNothingLeft(targetServer)]);
}, 30_000);

afterAll(async () => {
  await Promise.all([sourceServer.remove(), targetServer.remove()]);
});

/** Two rows without a key in each transaction: nothing may come twice, and no half. */
function load(): Load {
  return startLoad(source, {
    clients: 3,
    pauseMs: 1,
    mayLoseConnection: true,
    transaction: (n) => `
      begin;
      insert into events values (${n}, 1), (${n}, 2);
      insert into items values (${n % 50}, ${n}) on conflict (id) do update set n = excluded.n;
      commit`,
  });
}

async function appliedOn(database: TestDatabase): Promise<number> {
  const [row] = await database.query('select count(*) as n from events');
  return Number(row?.['n']);
}

async function untilMoreIsApplied(): Promise<void> {
  const before = await appliedOn(target);
  await eventually(async () => (await appliedOn(target)) > before + 100, {
    timeoutMs: 60_000,
    what: 'replication goes on',
  });
}

async function judge(running: Load): Promise<void> {
  await running.stop();
  await waitForAll(config);
  await expectEqual([source, target], 'items');
  await expectEqual([source, target], 'events');
  const twice = 'select n, part from events group by n, part having count(*) > 1';
  expect(await target.query(twice)).toEqual([]);
  const halves = 'select n from events group by n having count(*) <> 2';
  expect(await target.query(halves)).toEqual([]);
  const rows = await target.query('select distinct n from events');
  const arrived = new Set(rows.map(({ n }) => Number(n)));
  expect(running.committedNumbers.filter((n) => !arrived.has(n))).toEqual([]);
  expect(running.committed).toBeGreaterThan(500);
  await stopCleanly(replicator);
  await tearDown(config);
}

test('the source, under load', async () => {
  const running = load();
  for (let i = 0; i < kills; i++) {
    await untilMoreIsApplied();
    await sourceServer.kill();
    await sleep(i * 100);
    await sourceServer.start();
  }
  await untilMoreIsApplied();
  await judge(running);
}, 120_000);

test('the target, under load', async () => {
  const running = load();
  for (let i = 0; i < kills; i++) {
    await untilMoreIsApplied();
    await targetServer.kill();
    await sleep(i * 100);
    await targetServer.start();
  }
  await untilMoreIsApplied();
  await judge(running);
}, 120_000);

test('both at once', async () => {
  const running = load();
  for (let i = 0; i < 2; i++) {
    await untilMoreIsApplied();
    await Promise.all([sourceServer.kill(), targetServer.kill()]);
    await Promise.all([sourceServer.start(), targetServer.start()]);
  }
  await untilMoreIsApplied();
  await judge(running);
}, 120_000);
