// What an update did not send is read from the source's table, which may have been altered since: it is the same table
// under another name, and one that now has its name is not.
import { afterEach, expect, test, vi } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import type { Major } from '../support/postgres-binaries.ts';
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
afterEach(killReplicators);

const x = 'x'.repeat(5000);

/** An update that does not send column v, and then `ddl`, are committed before b is given any of it. */
async function alteredBehindUpdate(
  major: Major,
  ddl: string,
  work: (a: TestDatabase, b: TestDatabase, replicator: ReplicatorProcess) => Promise<void>,
): Promise<void> {
  const server = await sharedServer(major);
  const [a, b] = [await createDatabase(server, 'a'), await createDatabase(server, 'b')];
  for (const { query } of [a, b])
    await query(`create table t (id int primary key, n int, v text);
      alter table t alter v set storage external; create table other (id int primary key)`);
  const config = writeSyncFile(
    { a: source(a), b: source(b) },
    { sync: { initial_copy: 'if_empty' } },
  );
  const replicator = startReplicator(config);
  try {
    await untilStreaming(replicator, ['a:b', 'b:a']);
    await a.query(`insert into t values (1, 1, '${x}'), (2, 1, 'y')`);
    await waitForAll(config);
    await runCli(['pause', 'a:b', '-c', config]);
    await replicator.waitForLog((l) => l['subscription'] === 'a:b' && l['state'] === 'paused');
    await a.query('update t set n = 2 where id = 1');
    await a.query(ddl);
    await runCli(['resume', 'a:b', '-c', config]);
    await work(a, b, replicator);
  } finally {
    await stopCleanly(replicator);
    await tearDown(config);
    for (const database of [a, b]) await database.drop();
  }
}

async function untilRows(b: TestDatabase, expected: readonly string[]): Promise<void> {
  await eventually(async () => expect(await rowsOf(b, 't')).toEqual(expected), {
    timeoutMs: 20_000,
    what: 'what was sent and what was not',
  });
}

const renamed = 'alter table t rename to t_old';

test.each([
  [oldest, 'renamed', renamed],
  [newest, 'renamed', renamed],
  [newest, 'swapped', `${renamed}; create table t (like t_old including all)`],
  [
    newest,
    'swapped for one with its rows',
    `${renamed}; create table t as select id, 0 as n from t_old`,
  ],
])('%i: a table that is %s', async (major, _what, ddl) => {
  await alteredBehindUpdate(major, ddl, async (_a, b) => {
    await untilRows(b, [`(1,2,${x})`, '(2,1,y)']);
  });
});

test('a column that was sent is dropped: it is written as it was sent', async () => {
  const ddl = `alter table t drop n; insert into t values (3, 'z')`;
  await alteredBehindUpdate(newest, ddl, async (a, b) => {
    await untilRows(b, [`(1,2,${x})`, '(2,1,y)', '(3,,z)']);
    await b.query('alter table t drop n');
    await a.query(`insert into t values (4, 'z')`);
    await untilRows(b, [`(1,${x})`, '(2,y)', '(3,z)', '(4,z)']);
  });
});

test('the column that was not sent is dropped: it stays as it is', async () => {
  const ddl = 'alter table t drop v; insert into t values (3, 3)';
  await alteredBehindUpdate(newest, ddl, async (_a, b) => {
    await untilRows(b, [`(1,2,${x})`, '(2,1,y)', '(3,3,)']);
  });
});

test('the column that was not sent is renamed: it stops until that is known', async () => {
  const ddl = 'alter table t rename v to w';
  await alteredBehindUpdate(newest, ddl, async (a, b, replicator) => {
    const { msg, hint } = await replicator.waitForLog((l) => l.code === 'SCHEMA_DRIFT');
    expect(msg).toContain('a: public.t: column v was renamed');
    expect(hint).toContain('alter table public.t rename column "w" to "v"');
    expect(await rowsOf(b, 't')).toEqual([`(1,1,${x})`, '(2,1,y)']);
    await a.query('alter table t rename w to v');
    await untilRows(b, [`(1,2,${x})`, '(2,1,y)']);
  });
});

test('the table is dropped: its rows are not taken for deleted, and other tables go on', async () => {
  await alteredBehindUpdate(newest, 'drop table t; insert into other values (1)', async (_a, b) => {
    await eventually(async () => expect(await rowsOf(b, 'other')).toEqual(['(1)']), {
      timeoutMs: 20_000,
      what: 'the row of the other table',
    });
    expect(await rowsOf(b, 't')).toEqual([`(1,1,${x})`, '(2,1,y)']);
  });
});
