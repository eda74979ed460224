// What cannot mend itself stops, says what to do, and goes on once that is done, without a restart.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
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
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';
import { initialize } from '../support/synced-databases.ts';

const role = 'mended_plain';

let server: PostgresServer;
let a: TestDatabase;
let b: TestDatabase;
let config: string;
let replicator: ReplicatorProcess;

vi.setConfig({ testTimeout: 120_000 });

/** Set up by a superuser, and run by a role with the privileges that it needs. */
beforeEach(async () => {
  server = await sharedServer(newest);
  await server.query('postgres', `create role ${role} login`);
  a = await createDatabase(server, 'mended a');
  b = await createDatabase(server, 'mended b');
  for (const database of [a, b])
    await database.query('create table t (id int primary key, v text)');
  await initialize({ a: source(a), b: target(b) });
  const as = ({ url }: TestDatabase) => ({ url: url.replace('postgres@', `${role}@`) });
  config = writeSyncFile({ a: source(as(a)), b: target(as(b)) });
  const { stdout } = await runCli(['check', '--print-grants', '-c', config]);
  for (const part of stdout.split('-- ').slice(1))
    await (part.startsWith('a') ? a : b).query(part.slice(1));
  replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b']);
  await insert(1, 10);
  await untilEqual(a, b, 't');
});

afterEach(async () => {
  await killReplicators();
  try {
    await assertNothingLeft(server);
  } finally {
    await a.drop();
    await b.drop();
    await server.query('postgres', `drop owned by ${role}; drop role ${role}`);
  }
});

async function insert(from: number, to: number): Promise<void> {
  await a.query(`insert into t select i, 'row ' || i from generate_series(${from}, ${to}) i`);
}

const endOurs = (purpose: string) =>
  server.query(
    'postgres',
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name like 'replicator/%/${purpose}'`,
  );

test.each([
  {
    what: 'on a table of the target',
    take: () => b.query(`revoke insert on t from ${role}`),
    give: () => b.query(`grant insert on t to ${role}`),
  },
  {
    what: 'on our schema of the target',
    take: () => b.query(`revoke usage on schema replicator from ${role}`),
    give: () => b.query(`grant usage on schema replicator to ${role}`),
  },
  {
    what: 'to read the source',
    take: async () => {
      await server.query('postgres', `alter role ${role} noreplication`);
      await endOurs('walsender');
    },
    give: () => server.query('postgres', `alter role ${role} replication`),
  },
])('a privilege is missing: $what', async ({ take, give }) => {
  const from = replicator.logs.length;
  await take();
  await insert(11, 20);
  const refusal = await replicator.waitForLog(({ level }) => level === 'error', { from });
  expect(refusal).toMatchObject({ code: 'PRIVILEGE', hint: expect.stringMatching(/grant/i) });
  expect(await rowsOf(b, 't')).toHaveLength(10);
  const began = performance.now();
  await give();
  await untilEqual(a, b, 't');
  expect(performance.now() - began).toBeLessThan(15_000);
  expect(await rowsOf(b, 't')).toHaveLength(20);
  await insert(21, 30);
  await untilEqual(a, b, 't');
  await stopCleanly(replicator);
  await tearDown(await fileOfSuperuser());
});

test('the slot was dropped', async () => {
  const from = replicator.logs.length;
  await eventually(async () => {
    await endOurs('walsender');
    await server.query('postgres', `select pg_drop_replication_slot('replicator_a')`);
  });
  await insert(11, 20);
  const refusal = await replicator.waitForLog(({ code }) => code === 'SLOT_MISSING', { from });
  expect(refusal).toMatchObject({
    level: 'error',
    hint: '`replicator resync` its targets, for public.t',
  });
  // Nobody makes it anew: what lies between would be missing.
  expect(await rowsOf(b, 't')).toHaveLength(10);
  await stopCleanly(replicator);
  await tearDown(await fileOfSuperuser());
});

async function fileOfSuperuser(): Promise<string> {
  return writeSyncFile({ a: source(a), b: target(b) });
}
