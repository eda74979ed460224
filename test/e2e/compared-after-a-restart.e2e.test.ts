// Tables that joined as they were are taken for equal on a person's word. Until that was looked at, `status`
// says so, whatever becomes of the process meanwhile.
import { copyFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabases, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import { tearDown, untilStreaming } from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';

let server: PostgresServer;
let a: TestDatabase;
let b: TestDatabase;
let c: TestDatabase;
let config: string;

beforeEach(async () => {
  server = await sharedServer(newest);
  [a, b, c] = await createDatabases(
    server,
    ['compared a', 'compared b', 'compared c'],
    'create table t (id int primary key); insert into t values (1)',
  );
  await a.query('insert into t values (2)');
  config = writeSyncFile(
    { a: source(a), b: target(b), c: target(c) },
    { sync: { initial_copy: 'none' } },
  );
  expect(await runCli(['init', '-c', config])).toMatchObject({ code: 0 });
});

afterEach(async () => {
  await killReplicators();
  try {
    await tearDown(config);
  } finally {
    for (const database of [a, b, c]) await database.drop();
  }
});

async function status(): Promise<string> {
  return (await runCli(['status', '-c', config])).stdout;
}

test('a comparison that was still to come is made after a restart, and keeps no other one up', async () => {
  const user = new pg.Client({ connectionString: b.url });
  await user.connect();
  try {
    // Whoever compares b waits for that, and whoever replicates does not.
    await user.query('begin; lock table t');
    const first = startReplicator(config);
    await untilStreaming(first, ['a:b', 'a:c']);
    expect(await status()).toContain(
      'public.t: joined as it was on a and b, which are still to be compared\n',
    );
    await first.kill();
    const second = startReplicator(config);
    await eventually(
      async () =>
        expect(await status()).toContain('public.t: 1 rows only on a, 0 only on c, 0 differ'),
      { timeoutMs: 40_000 },
    );
    expect(await status()).toContain('on a and b, which are still to be compared\n');
    await user.query('commit');
    await second.waitForLog(
      ({ msg, subscription }) =>
        msg?.startsWith('tables differ') === true && subscription === 'a:b',
      { timeoutMs: 40_000 },
    );
    expect(await status()).toContain('public.t: 1 rows only on a, 0 only on b, 0 differ');

    await b.query('insert into t values (2)');
    await c.query('insert into t values (2)');
    await second.kill();
    startReplicator(config);
    await eventually(async () => expect(await status()).not.toContain('public.t'), {
      timeoutMs: 40_000,
    });
  } finally {
    await user.end();
  }
});

test('a comparison that waits for a target keeps no SIGHUP up', async () => {
  const user = new pg.Client({ connectionString: b.url });
  await user.connect();
  try {
    await user.query('begin; lock table t');
    const replicator = startReplicator(config);
    await untilStreaming(replicator, ['a:b', 'a:c']);
    expect(await runCli(['pause', 'a:b', '-c', config])).toMatchObject({ code: 0 });
    await replicator.waitForLog(
      (line) => line['subscription'] === 'a:b' && line['state'] === 'paused',
    );
    await user.query('commit');
    // It has found a difference, and waits until what is on its way has arrived.
    await eventually(
      async () =>
        expect(
          await a.query(`select from pg_stat_activity where datname = current_database()
            and application_name = 'replicator/a:b/compare' and query like '%replicator.subscriptions%'`),
        ).toHaveLength(1),
      { timeoutMs: 40_000 },
    );
    const from = replicator.logs.length;
    replicator.signal('SIGHUP');
    await untilStreaming(replicator, ['a:c'], { from });
  } finally {
    await user.end();
  }
});

test('a table is compared once it has joined: what is written before may be sent to nobody', async () => {
  const replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b', 'a:c']);
  for (const { query } of [a, b]) await query('create schema s; create table s.u (id int)');
  const user = new pg.Client({ connectionString: a.url });
  await user.connect();
  try {
    await user.query('begin; insert into s.u values (1)');
    const none = { dbgroup: 'all', initial_copy: 'none' };
    const file = {
      relgroups: { all_tables: { tables: ['public.*'] }, more: { tables: ['s.*'] } },
      dbgroups: {
        all: { a: 'source', b: 'target', c: 'target' },
        two: { a: 'source', b: 'target' },
      },
      syncs: {
        app: { ...none, relgroup: 'all_tables' },
        more: { ...none, relgroup: 'more', dbgroup: 'two' },
      },
    };
    copyFileSync(writeSyncFile({ a: source(a), b: target(b), c: target(c) }, { file }), config);
    const from = replicator.logs.length;
    replicator.signal('SIGHUP');
    await eventually(
      async () =>
        expect(
          await a.query(`select from replicator.differences where table_name = 'u'`),
        ).toHaveLength(1),
      { timeoutMs: 20_000, intervalMs: 10 },
    );
    // It joins once this has ended, and is equal until then.
    await sleep(1_200);
    await user.query('commit');
    await untilStreaming(replicator, ['a:b'], { from });
    await eventually(
      async () => expect(await status()).toContain('s.u: 1 rows only on a, 0 only on b, 0 differ'),
      { timeoutMs: 40_000 },
    );
  } finally {
    await user.end();
  }
});
