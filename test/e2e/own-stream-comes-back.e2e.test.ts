// Of two masters one is left for a while, which then has no stream of its own: it is made anew when they are two again,
// and tells what was deleted since.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDatabases, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import {
  pause,
  reload,
  resume,
  rowsOf,
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
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { type Member, source, target, writeSyncFile } from '../support/sync-file.ts';

vi.setConfig({ testTimeout: 120_000 });

let a: TestDatabase;
let b: TestDatabase;
let c: TestDatabase;
let config: string;
let replicator: ReplicatorProcess;

beforeEach(async () => {
  const server = await sharedServer(newest);
  const table = 'create table t (id int primary key, v text)';
  [a, b, c] = await createDatabases(server, ['a', 'b', 'c'], table);
});

afterEach(async () => {
  await killReplicators();
  await tearDown(config);
  for (const database of [a, b, c]) await database.drop();
});

function fileOf(members: Record<string, Member>): string {
  return writeSyncFile(members, { sync: { initial_copy: 'if_empty' } });
}

async function begin(members: Record<string, Member>, streaming: readonly string[]): Promise<void> {
  config = fileOf(members);
  replicator = startReplicator(config);
  await untilStreaming(replicator, streaming);
  await a.query(`insert into t values (1, 'old'), (2, 'old')`);
  await waitForAll(config);
}

async function change(
  members: Record<string, Member>,
  streaming: readonly string[],
): Promise<void> {
  const from = reload(replicator, config, fileOf(members));
  await untilStreaming(replicator, streaming, { from, timeoutMs: 60_000 });
}

/** An older change of `there` comes to `here` once that has deleted the row, and told itself. */
async function deleteBeforeOlder(
  [here, there]: [TestDatabase, TestDatabase],
  pair: string,
): Promise<void> {
  await pause(replicator, config, pair);
  await there.query(`update t set v = 'older' where id = 1`);
  await here.query('delete from t where id = 1');
  await eventually(
    async () => expect(await here.query('select from replicator.tombstones')).toHaveLength(1),
    { timeoutMs: 20_000, what: 'what the own stream tells' },
  );
  await resume(config, pair);
  await waitForAll(config);
  const rows = await rowsOf(here, 't');
  expect(rows).not.toContain('(1,older)');
  expect(await rowsOf(there, 't')).toEqual(rows);
}

test('one of two masters only receives for a while', async () => {
  const masters = { a: source(a), b: source(b) };
  const streaming = ['a:b', 'b:a', 'a:a', 'b:b'];
  await begin(masters, streaming);
  await change({ a: source(a), b: target(b) }, ['a:b']);
  await a.query(`insert into t values (3, 'old')`);
  await waitForAll(config);
  expect(await a.query(`select from replicator.progress where source = 'a'`)).toEqual([]);
  await change(masters, streaming);
  await deleteBeforeOlder([a, b], 'b:a');
  await stopCleanly(replicator);
});

test('one of two masters is taken out and added again, as docs/how-to/remove.md says', async () => {
  const whole = { a: source(a), b: source(b), c: target(c) };
  const streaming = ['a:b', 'b:a', 'a:a', 'b:b', 'a:c', 'b:c'];
  await begin(whole, streaming);
  await change({ b: source(b), c: target(c) }, ['b:c']);
  await a.query(`
    select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database();
    select pg_replication_origin_drop(origin) from replicator.progress;
    drop publication replicator_a; drop schema replicator cascade; truncate t`);
  for (const { query } of [b, c])
    await query(`
      select pg_replication_origin_drop(origin) from replicator.progress where source = 'a';
      delete from replicator.progress where source = 'a';
      delete from replicator.tables where source = 'a';
      delete from replicator.subscriptions where target = 'a'`);
  await b.query(`insert into t values (3, 'old')`);
  await untilEqual(b, c, 't');
  await waitForAll(config);
  await change(whole, streaming);
  await untilEqual(b, a, 't');
  await deleteBeforeOlder([b, a], 'a:b');
  await stopCleanly(replicator);
});

test('the session of a process that is frozen keeps nobody from forgetting an own stream', async () => {
  await begin({ a: source(a), b: source(b) }, ['a:b', 'b:a', 'a:a', 'b:b']);
  const frozen = replicator;
  frozen.signal('SIGSTOP');
  try {
    config = fileOf({ a: source(a), b: target(b) });
    replicator = startReplicator(config);
    await untilStreaming(replicator, ['a:b'], { timeoutMs: 40_000 });
    await a.query(`insert into t values (3, 'new')`);
    await untilEqual(a, b, 't');
    expect(await a.query(`select from replicator.progress where source = 'a'`)).toEqual([]);
  } finally {
    frozen.signal('SIGCONT');
    await frozen.kill();
  }
  await stopCleanly(replicator);
});
