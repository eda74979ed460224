// What a source has lost for a target cannot be had from it any more. A person says that they know,
// empties the target, and it begins anew: under the running daemon, and without a gap that nobody sees.
import { afterEach, expect, test, vi } from 'vitest';
import type { Status } from '../../src/observability/status.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import {
  rowsOf,
  stopCleanly,
  tearDown,
  untilEqual,
  untilStreaming,
} from '../support/replication.ts';
import {
  killReplicators,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { majors, newest, sharedServer } from '../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';

vi.setConfig({ testTimeout: 120_000 });

let server: PostgresServer;
let a: TestDatabase;
let b: TestDatabase;
let c: TestDatabase;
let config: string;
let replicator: ReplicatorProcess;

async function setUp(major: (typeof majors)[number] = newest, on?: PostgresServer): Promise<void> {
  server = on ?? (await sharedServer(major));
  a = await createDatabase(server, 'resync a');
  b = await createDatabase(server, 'resync b');
  c = await createDatabase(server, 'resync c');
  for (const database of [a, b, c])
    await database.query(
      `create table "T 1" (id int primary key, v text);
       create table child (id int primary key, t int references "T 1" on delete cascade)`,
    );
  config = writeSyncFile({ a: source(a), b: target(b), c: target(c) });
  replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b', 'a:c']);
  await insert(1, 10);
  await untilAllEqual(b, c);
}

let isClean = false;

afterEach(async () => {
  if (!isClean) await cleanUp();
  isClean = false;
});

async function cleanUp(): Promise<void> {
  isClean = true;
  await killReplicators();
  try {
    await tearDown(config);
    await assertNothingLeft(server);
  } finally {
    for (const database of [a, b, c]) await database.drop();
  }
}

async function insert(from: number, to: number): Promise<void> {
  await a.query(
    `insert into "T 1" select i, 'row ' || i from generate_series(${from}, ${to}) i;
     insert into child select i, i from generate_series(${from}, ${to}) i`,
  );
}

async function untilAllEqual(...targets: TestDatabase[]): Promise<void> {
  for (const database of targets)
    for (const table of ['"T 1"', 'child']) await untilEqual(a, database, table, 40_000);
}

/** A walsender needs a moment to end. */
async function dropSlot(slot: string): Promise<void> {
  await eventually(async () => {
    await server.query(
      'postgres',
      `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1`,
      [slot],
    );
    await server.query('postgres', 'select pg_drop_replication_slot($1)', [slot]);
  });
}

async function resync(what: string): Promise<void> {
  const result = await runCli(['resync', what, '-c', config]);
  expect(result).toMatchObject({ code: 0, stderr: '' });
  expect(result.stdout).toContain(`${what}: begins anew once its tables`);
}

async function status(): Promise<Status> {
  const { stdout } = await runCli(['status', '-c', config, '--output', 'json']);
  return JSON.parse(stdout) as Status;
}

async function untilTold(code: string, subscription: string, from = 0): Promise<void> {
  await replicator.waitForLog(
    (line) =>
      line.level === 'error' &&
      line.code === code &&
      (line['subscription'] === subscription || line['source'] === 'a'),
    { from, timeoutMs: 60_000 },
  );
}

async function empty(database: TestDatabase): Promise<void> {
  await database.query('truncate "T 1", child');
}

test.each(majors)('%i: the slot was dropped', async (major) => {
  await setUp(major);
  const from = replicator.logs.length;
  await dropSlot('replicator_a');
  await insert(11, 20);
  await untilTold('SLOT_MISSING', 'a:b', from);
  const { subscriptions } = await status();
  expect(subscriptions.map(({ lastError }) => lastError?.hint)).toEqual([
    expect.stringContaining('replicator resync'),
    expect.stringContaining('replicator resync'),
  ]);

  await resync('a:b');
  await untilTold('COPY_REFUSED', 'a:b', from);
  // The stream that all have lost is tried again and again, and must not hide it.
  await untilTold('SLOT_MISSING', 'a:b', replicator.logs.length);
  const told = (await status()).subscriptions.find(({ subscription }) => subscription === 'a:b');
  expect(told).toMatchObject({
    state: 'failed',
    lastError: {
      code: 'COPY_REFUSED',
      hint: 'on b: truncate "public"."T 1", "public"."child"; it goes on by itself then',
    },
  });
  expect((await runCli(['status', '-c', config])).stdout).toContain(
    '\na:b: is to begin anew, but is not empty on b: public."T 1", public.child\n',
  );
  // What it says can be pasted.
  await b.query(/truncate [^;]+/.exec(told?.lastError?.hint ?? '')?.[0] ?? '');
  await untilAllEqual(b);
  await insert(21, 30);
  await untilAllEqual(b);

  // The other one lacks what was written meanwhile, whatever slot there is now.
  await untilTold('GAP', 'a:c', from);
  expect(await rowsOf(c, '"T 1"')).toHaveLength(10);
  await empty(c);
  await resync('a:c');
  await untilAllEqual(c);
  await insert(31, 40);
  await a.query(`delete from "T 1" where id < 5; update "T 1" set v = 'changed' where id = 7`);
  await untilAllEqual(b, c);
  await eventually(async () => expect((await status()).healthy).toBe(true), { timeoutMs: 20_000 });
  expect((await status()).slots.map(({ slotName }) => slotName)).toEqual(['replicator_a']);
  await stopCleanly(replicator);
});

test.each(majors)('%i: what was asked for is taken back before it has begun', async (major) => {
  await setUp(major);
  const cancel = (what: string) => runCli(['resync', '--cancel', what, '-c', config]);
  expect(await cancel('a:b')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'replicator: a:b: no resync was asked for, or it has begun\n',
  });
  await resync('a:b');
  await untilTold('COPY_REFUSED', 'a:b');
  await insert(11, 20);
  // Of a sync it is those for which it was asked.
  expect(await cancel('app')).toMatchObject({
    code: 1,
    stdout: 'a:b: does not begin anew\n',
    stderr: 'replicator: a:c: no resync was asked for, or it has begun\n',
  });
  await untilAllEqual(b, c);
  await eventually(async () => expect((await status()).healthy).toBe(true), { timeoutMs: 20_000 });
  // Nor does it once they are empty.
  await empty(b);
  await insert(21, 21);
  await untilAllEqual(c);
  await eventually(async () => expect(await rowsOf(b, '"T 1"')).toEqual(['(21,"row 21")']));
  await stopCleanly(replicator);
});

test.each<{ what: string; code: string; harm: () => Promise<unknown> }>([
  {
    what: 'the slot was made anew by hand',
    code: 'GAP',
    harm: async () => {
      await replicator.kill();
      await dropSlot('replicator_a');
      await insert(11, 20);
      await a.query(`select pg_create_logical_replication_slot('replicator_a', 'pgoutput')`);
      replicator = startReplicator(config);
    },
  },
  {
    what: 'the publication was made anew by hand',
    code: 'PUBLICATION_CHANGED',
    harm: () =>
      a.query(
        `drop publication replicator_a;
         create publication replicator_a for table "T 1", child, replicator.marker
           with (publish_via_partition_root = true)`,
      ),
  },
  {
    what: 'the publication was dropped',
    code: 'PUBLICATION_CHANGED',
    harm: () => a.query('drop publication replicator_a'),
  },
])('$what', async ({ code, harm }) => {
  await setUp();
  const from = replicator.logs.length;
  await harm();
  await insert(21, 30);
  await untilTold(code, 'a:b', replicator.logs.length < from ? 0 : from);
  for (const database of [b, c]) await empty(database);
  await resync('a:b');
  await resync('a:c');
  await untilAllEqual(b, c);
  await insert(31, 40);
  await untilAllEqual(b, c);
  await stopCleanly(replicator);
});

// The other target holds the slot of all before it, so the change comes once more, behind the copy.
test('a value that is too large for the stream is had by a copy', async () => {
  await setUp();
  const from = replicator.logs.length;
  await a.query(`insert into "T 1" select 11, repeat('x', 100 * 1024 * 1024 + 1)`);
  for (const subscription of ['a:b', 'a:c']) await untilTold('VALUE_TOO_LARGE', subscription, from);
  await empty(b);
  await resync('a:b');
  await a.query('insert into child values (11, 11)');
  await untilEqual(a, b, 'child', 40_000);
  await a.query('insert into child values (12, 11)');
  await untilEqual(a, b, 'child', 40_000);
  expect(await b.query('select length(v) from "T 1" where id = 11')).toEqual([
    { length: '104857601' },
  ]);
  expect(await rowsOf(c, '"T 1"')).toHaveLength(10);
  await stopCleanly(replicator);
});

test('the server invalidated the slot', async () => {
  const own = await startServer({ major: newest, name: 'resync' });
  try {
    await setUp(newest, own);
    await stopCleanly(replicator);
    await own.query('postgres', `alter system set max_slot_wal_keep_size = '1MB'`);
    await own.query('postgres', 'select pg_reload_conf()');
    await insert(11, 20);
    for (let i = 0; i < 6; i++)
      await own.query(
        'postgres',
        `select pg_switch_wal() from pg_logical_emit_message(false, '', '')`,
      );
    await own.query('postgres', 'checkpoint');
    replicator = startReplicator(config);
    await untilTold('SLOT_LOST', 'a:b');
    for (const database of [b, c]) await empty(database);
    for (const what of ['a:b', 'a:c']) await resync(what);
    await untilAllEqual(b, c);
    await insert(21, 30);
    await untilAllEqual(b, c);
    await stopCleanly(replicator);
  } finally {
    await cleanUp();
    await own.remove();
  }
});

test.each<{ what: string; code: string; harm: () => Promise<unknown> }>([
  {
    what: 'its own slot was dropped while it was paused',
    code: 'GAP',
    harm: async () => {
      await runCli(['pause', 'a:b', '-c', config]);
      await eventually(async () => expect((await status()).slots).toHaveLength(2));
      await eventually(() => dropSlot('replicator_a__b'));
      await insert(11, 20);
      await untilAllEqual(c);
      await runCli(['resume', 'a:b', '-c', config]);
    },
  },
  {
    what: 'it was set back',
    code: 'GAP',
    harm: async () => {
      await replicator.kill();
      await b.query(`update replicator.progress set lsn = '0/1000'`);
      replicator = startReplicator(config);
    },
  },
  {
    what: 'its database was replaced by an empty one',
    code: 'GAP',
    harm: async () => {
      await replicator.kill();
      await b.query('drop schema replicator cascade');
      await b.query(`select pg_replication_origin_drop('replicator_a__b')`);
      await empty(b);
      replicator = startReplicator(config);
    },
  },
])('one target of two: $what', async ({ code, harm }) => {
  await setUp();
  await harm();
  await insert(21, 30);
  await untilTold(code, 'a:b');
  await untilAllEqual(c);
  await resync('a:b');
  await empty(b);
  await untilAllEqual(b);
  await insert(31, 40);
  await untilAllEqual(b, c);
  await eventually(async () => expect((await status()).healthy).toBe(true), { timeoutMs: 20_000 });
  await stopCleanly(replicator);
});

test('without a daemon; one that is sound begins anew as well, and the other goes on', async () => {
  await setUp();
  await stopCleanly(replicator);
  await resync('a:b');
  await empty(b);
  await insert(11, 20);
  replicator = startReplicator(config);
  await untilAllEqual(b, c);
  expect(replicator.logs.filter(({ msg }) => msg === 'table copied')).toHaveLength(2);
  // Under the running daemon, twice in a row.
  for (let round = 0; round < 2; round++) {
    const from = replicator.logs.length;
    await resync('a:b');
    await untilTold('COPY_REFUSED', 'a:b', from);
    await insert(21 + round * 10, 30 + round * 10);
    await empty(b);
    await untilAllEqual(b, c);
  }
  expect(replicator.logs.filter(({ msg }) => msg === 'table copied')).toHaveLength(6);
  await stopCleanly(replicator);
});

test('killed between the steps: begun anew it is whole', async () => {
  await setUp();
  await dropSlot('replicator_a');
  await insert(11, 20);
  await empty(b);
  await empty(c);
  for (const what of ['a:b', 'a:c']) await resync(what);
  // At any point: before, in the middle, and after.
  for (const ms of [0, 2_000, 2_200, 2_400, 2_600, 2_800]) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    await replicator.kill();
    await insert(100 + ms, 105 + ms);
    replicator = startReplicator(config);
  }
  // Those of them that have been copied by then are not copied again.
  await untilAllEqual(b, c);
  await insert(31, 40);
  await untilAllEqual(b, c);
  await stopCleanly(replicator);
});

test('where several databases write it is refused', async () => {
  await setUp();
  const file = writeSyncFile({ a: source(a), b: source(b), c: target(c) });
  const result = await runCli(['resync', 'a:c', '-c', file]);
  expect(result).toMatchObject({ code: 64, stdout: '' });
  expect(result.stderr).toContain(
    'resync a:c: a, b all write to public."T 1" on c, so it cannot be filled anew from one of them',
  );
  expect(await runCli(['resync', 'a:d', '-c', config])).toMatchObject({ code: 64 });
  await stopCleanly(replicator);
});
