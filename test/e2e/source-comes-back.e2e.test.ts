// A source that only receives for a while has changes that it had not sent before. When it is a source again they meet
// databases that have forgotten, or never noted, what was deleted meanwhile.
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
  untilStreaming,
  waitForAll,
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

async function begin(members: Record<string, Member>, streaming: readonly string[]): Promise<void> {
  config = writeSyncFile(members);
  replicator = startReplicator(config);
  await untilStreaming(replicator, streaming);
  await a.query(`insert into t select i, 'old' from generate_series(1, 5) i`);
  await waitForAll(config);
}

async function change(
  members: Record<string, Member>,
  streaming: readonly string[],
): Promise<void> {
  const from = reload(replicator, config, writeSyncFile(members));
  await untilStreaming(replicator, streaming, { from, timeoutMs: 60_000 });
}

/** An update in a transaction of its own, an insert with an update of the same row, and rows that are only there. */
async function writeUnsent(): Promise<void> {
  await b.query(`update t set v = 'older, of b' where id in (1, 2)`);
  await b.query(
    `begin; insert into t values (6, 'new'); update t set v = 'newer' where id = 6; commit`,
  );
  await b.query(`insert into t values (7, 'new')`);
}

/** A row that it had changed, another one that it had brought itself, and the newer of two changes. */
async function writeMeanwhile(): Promise<void> {
  await a.query(`
    delete from t where id = 1;
    update t set v = 'newer, of a' where id = 2;
    insert into t values (6, 'of a');
    delete from t where id = 6`);
}

function tables(): Promise<string[][]> {
  return Promise.all([a, b, c].map(async (database) => await rowsOf(database, 't')));
}

const ended = ['(2,"newer, of a")', '(3,old)', '(4,old)', '(5,old)', '(7,new)'];

test('the other master was alone, and noted nothing', async () => {
  const masters = { a: source(a), b: source(b), c: target(c) };
  const streaming = ['a:b', 'b:a', 'a:c', 'b:c', 'a:a', 'b:b'];
  await begin(masters, streaming);
  for (const pair of ['b:a', 'b:c']) await pause(replicator, config, pair);
  await writeUnsent();
  await change({ a: source(a), b: target(b), c: target(c) }, ['a:b', 'a:c']);
  await writeMeanwhile();
  await waitForAll(config);
  await change(masters, ['a:b', 'a:c', 'a:a', 'b:b']);
  for (const pair of ['b:a', 'b:c']) await resume(config, pair);
  await waitForAll(config);
  expect(await tables()).toEqual([ended, ended, ended]);
  await untilCompared();
  expect(replicator.logs.filter(({ msg }) => msg?.includes('is compared'))).toHaveLength(2);
  expect(replicator.logs.filter(({ msg }) => msg?.includes('differ'))).toEqual([]);
  await stopCleanly(replicator);
});

test('two others remained, and have forgotten', async () => {
  const masters = { a: source(a), b: source(b), c: source(c) };
  const all = ['a:b', 'b:a', 'a:c', 'b:c', 'c:a', 'c:b', 'a:a', 'b:b', 'c:c'];
  await begin(masters, all);
  for (const pair of ['b:a', 'b:c']) await pause(replicator, config, pair);
  await writeUnsent();
  const without = all.filter((pair) => !pair.startsWith('b:'));
  await change({ ...masters, b: target(b) }, without);
  await writeMeanwhile();
  await waitForAll(config);
  for (const { query } of [a, c]) {
    await eventually(async () => {
      expect(await query('select from replicator.tombstones')).not.toEqual([]);
    });
    await query('delete from replicator.tombstones; delete from replicator.claims');
  }
  await change(masters, [...without, 'b:b']);
  for (const pair of ['b:a', 'b:c']) await resume(config, pair);
  await waitForAll(config);
  expect(await tables()).toEqual([ended, ended, ended]);
  await stopCleanly(replicator);
});

test('what was deleted arrives only afterwards, so tables differ, and that is told', async () => {
  const masters = { a: source(a), b: source(b), c: target(c) };
  await begin(masters, ['a:b', 'b:a', 'a:c', 'b:c', 'a:a', 'b:b']);
  for (const pair of ['a:b', 'b:a', 'b:c']) await pause(replicator, config, pair);
  await writeUnsent();
  await change({ a: source(a), b: target(b), c: target(c) }, ['a:c']);
  await a.query('delete from t where id = 1');
  await eventually(async () => expect(await rowsOf(c, 't')).not.toContain('(1,old)'));
  await untilConfirmed();
  const from = replicator.logs.length;
  await change(masters, ['a:a', 'b:b', 'a:c']);
  await resume(config, 'b:a');
  const isTold = ({ msg }: LogLine) => msg?.startsWith('changes come that are older') === true;
  await replicator.waitForLog(isTold, { from });
  await eventually(async () => expect(await rowsOf(a, 't')).toContain('(7,new)'));
  for (const pair of ['a:b', 'b:c']) await resume(config, pair);
  const differ = ({ msg }: LogLine) => msg?.startsWith('tables differ') === true;
  await replicator.waitForLog(differ, { from, timeoutMs: 40_000 });
  await stopCleanly(replicator);
});

/** The slot of all goes on without the one that is paused, and its own stream would begin behind the delete. */
async function untilConfirmed(): Promise<void> {
  const [wal] = await a.query('select pg_current_wal_insert_lsn()::text as lsn');
  await eventually(
    async () => {
      await a.query('update replicator.marker set marked = marked + 1');
      const behind = await a.query(
        `select from pg_replication_slots
         where slot_name = 'replicator_a' and confirmed_flush_lsn < '${wal?.['lsn']}'`,
      );
      expect(behind).toEqual([]);
    },
    { timeoutMs: 20_000, what: 'the slot of all' },
  );
}

test('with nothing unsent nothing is asked for', async () => {
  const masters = { a: source(a), b: source(b) };
  const streaming = ['a:b', 'b:a', 'a:a', 'b:b'];
  await begin(masters, streaming);
  await change({ a: source(a), b: target(b) }, ['a:b']);
  await writeMeanwhile();
  await waitForAll(config);
  await change(masters, streaming);
  await b.query(`update t set v = 'newest' where id = 2`);
  await waitForAll(config);
  expect(await rowsOf(a, 't')).toContain('(2,newest)');
  expect(
    replicator.logs.filter(({ msg }) => msg?.includes('older than what is remembered')),
  ).toEqual([]);
  await stopCleanly(replicator);
});

async function untilCompared(): Promise<void> {
  await eventually(async () => {
    for (const { query } of [a, b])
      expect(await query('select from replicator.differences')).toEqual([]);
  });
}
