// SIGHUP reads the file again: databases come and go while the process stays, and a master that has lost
// its slot is taken out and added again.
import { copyFileSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDatabases, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import {
  reload,
  stopCleanly,
  tearDown,
  untilEqual,
  untilStreaming,
} from '../support/replication.ts';
import {
  killReplicators,
  type LogLine,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { type Member, source, target, writeSyncFile } from '../support/sync-file.ts';

vi.setConfig({ testTimeout: 120_000 });

let server: PostgresServer;
let a: TestDatabase;
let b: TestDatabase;
let c: TestDatabase;
/** What the daemon reads. */
let config: string;
let replicator: ReplicatorProcess;

beforeEach(async () => {
  server = await sharedServer(newest);
  const table = 'create table t (id int primary key, v text)';
  [a, b, c] = await createDatabases(server, ['sighup a', 'sighup b', 'sighup c'], table);
});

afterEach(async () => {
  await killReplicators();
  try {
    await tearDown(config);
    await assertNothingLeft(server);
  } finally {
    for (const database of [a, b, c]) await database.drop();
  }
});

function fileOf(members: Record<string, Member>): string {
  return writeSyncFile(members, { sync: { initial_copy: 'if_empty' } });
}

async function insert(into: TestDatabase, from: number, to: number): Promise<void> {
  await into.query(`insert into t select i, 'from ' || i from generate_series(${from}, ${to}) i`);
}

test('a target is added and taken out under the running daemon', async () => {
  config = fileOf({ a: source(a), b: target(b) });
  replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b']);
  await insert(a, 1, 10);
  await untilEqual(a, b, 't');

  const added = reload(replicator, config, fileOf({ a: source(a), b: target(b), c: target(c) }));
  await untilStreaming(replicator, ['a:b', 'a:c'], { from: added });
  await insert(a, 11, 20);
  await untilEqual(a, b, 't');
  await untilEqual(a, c, 't');

  const taken = reload(replicator, config, fileOf({ a: source(a), b: target(b) }));
  await untilStreaming(replicator, ['a:b'], { from: taken });
  await insert(a, 21, 30);
  await untilEqual(a, b, 't');
  expect(await c.query('select count(*)::text as n from t')).toEqual([{ n: '20' }]);

  await stopCleanly(replicator);
  // docs/how-to/remove.md
  await c.query(`
    select pg_replication_origin_drop(origin) from replicator.progress;
    drop schema replicator cascade`);
});

test('a file that is wrong changes nothing', async () => {
  config = fileOf({ a: source(a), b: target(b), c: target(c) });
  replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b', 'a:c']);
  const good = fileOf({ a: source(a), b: target(b), c: target(c) });
  const from = replicator.logs.length;
  writeFileSync(config, 'databases: [');
  replicator.signal('SIGHUP');
  await replicator.waitForLog(({ hint }) => hint === 'the running configuration stays', { from });
  await insert(a, 1, 10);
  await untilEqual(a, c, 't');
  copyFileSync(good, config);
  expect(replicator.logs.slice(from).filter(({ state }) => state !== undefined)).toEqual([]);
  await stopCleanly(replicator);
});

test('a master whose slot is lost is taken out, and filled from the others when it is added', async () => {
  const all = fileOf({ a: source(a), b: source(b), c: source(c) });
  config = fileOf({ a: source(a), b: source(b), c: source(c) });
  replicator = startReplicator(config);
  const allPairs = ['a:b', 'a:c', 'b:a', 'b:c', 'c:a', 'c:b'];
  await untilStreaming(replicator, allPairs);
  await insert(a, 1, 10);
  await insert(b, 11, 20);
  for (const database of [b, c]) await untilEqual(a, database, 't');
  expect(await c.query('select count(*)::text as n from t')).toEqual([{ n: '20' }]);

  await loseSlot(a, 'replicator_a');
  await replicator.waitForLog(({ code }) => code === 'SLOT_MISSING');
  const out = reload(replicator, config, fileOf({ b: source(b), c: source(c) }));
  await untilStreaming(replicator, ['b:c', 'c:b'], { from: out });
  await leave(a, [b, c], 'a');
  await insert(b, 31, 40);
  await a.query('truncate t');

  const back = reload(replicator, config, all);
  await untilStreaming(replicator, allPairs, { from: back, timeoutMs: 60_000 });
  await insert(a, 41, 50);
  await insert(c, 51, 60);
  await b.query('delete from t where id <= 5');
  for (const database of [b, c]) await untilEqual(a, database, 't');
  expect(await a.query('select count(*)::text as n from t')).toEqual([{ n: '45' }]);
  await stopCleanly(replicator);
});

const isTold = ({ level, msg }: LogLine) =>
  level === 'warn' && msg?.includes(': waiting for a transaction') === true;
const isMakingSlot = ({ sql }: LogLine) => String(sql).includes('create_logical_replication_slot');

test.each([
  {
    what: 'a set-up',
    all: () => ({ a: source(a), b: target(b), c: source(c) }),
    isWaiting: isMakingSlot,
    pairs: ['c:b'],
  },
  {
    what: 'a target that becomes a source',
    all: () => ({ a: source(a), b: source(b) }),
    isWaiting: isMakingSlot,
    pairs: ['b:a'],
  },
  {
    what: 'a copy',
    all: () => ({ a: source(a), b: target(b), c: target(c) }),
    isWaiting: ({ subscription, state }: LogLine) => subscription === 'a:c' && state === 'copying',
    pairs: ['a:c'],
  },
])(
  '$what that waits for a transaction of a user holds nothing up',
  async ({ all, isWaiting, pairs }) => {
    const after = fileOf(all());
    config = fileOf({ a: source(a), b: target(b) });
    replicator = startReplicator(config);
    await untilStreaming(replicator, ['a:b']);

    const user = new pg.Client({ connectionString: a.url });
    user.on('error', () => {});
    await user.connect();
    await user.query(`begin; insert into t values (0, 'not yet')`);
    await insert(a, 1, 10);
    const added = reload(replicator, config, after);
    await replicator.waitForLog(isWaiting, { from: added });
    // Whoever else would set it up is waiting as well by then.
    await replicator.waitForLog(isTold, { from: added });
    const again = reload(replicator, config, after);
    await untilStreaming(replicator, ['a:b'], { from: again });
    await insert(a, 11, 20);
    await untilEqual(a, b, 't');
    await replicator.waitForLog(isTold, { from: again });
    await user.query('commit');
    await user.end();
    await untilStreaming(replicator, pairs, { from: again });
    await untilEqual(a, b, 't');
    if (pairs.includes('a:c')) await untilEqual(a, c, 't');
    await stopCleanly(replicator);
  },
);

async function loseSlot(database: TestDatabase, slot: string): Promise<void> {
  await eventually(async () => {
    await database.query(
      `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '${slot}'`,
    );
    await database.query(`select pg_drop_replication_slot('${slot}')`);
  });
}

/** docs/how-to/remove.md */
async function leave(gone: TestDatabase, others: TestDatabase[], name: string): Promise<void> {
  await gone.query(`
    select pg_replication_origin_drop(origin) from replicator.progress;
    drop publication replicator_${name};
    drop schema replicator cascade`);
  for (const database of others)
    await database.query(`
      select pg_replication_origin_drop(origin) from replicator.progress where source = '${name}';
      delete from replicator.progress where source = '${name}';
      delete from replicator.tables where source = '${name}';
      delete from replicator.subscriptions where target = '${name}'`);
}
