// A database that is added is set up by whoever has the new file first, while the owner with the former one reads on,
// past the place that it was given. It misses nothing where all of its tables come by a copy; else it is told.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDatabases, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { holdLock } from '../support/hold-lock.ts';
import {
  reload,
  rowsOf,
  stopCleanly,
  tearDown,
  untilEqual,
  untilStreaming,
  waitForAll,
} from '../support/replication.ts';
import {
  killReplicators,
  type LogLine,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { type Member, source, target, writeSyncFile } from '../support/sync-file.ts';

vi.setConfig({ testTimeout: 120_000 });

let a: TestDatabase;
let b: TestDatabase;
let c: TestDatabase;
/** What the owner reads. */
let config: string;
let all: string;

beforeEach(async () => {
  const server = await sharedServer(newest);
  [a, b, c] = await createDatabases(
    server,
    ['a', 'b', 'c'],
    `create table t (id int primary key, v text);
     create table without_rows (id int primary key, v text)`,
  );
});

afterEach(async () => {
  await killReplicators();
  await tearDown(all);
  for (const database of [a, b, c]) await database.drop();
});

function fileOf(members: Record<string, Member>, initialCopy = 'if_empty'): string {
  return writeSyncFile(members, { sync: { initial_copy: initialCopy } });
}

/** Until the slot of `a` is past the place that c was given there. */
async function readOn(): Promise<void> {
  await eventually(
    async () => {
      await a.query('insert into t select coalesce(max(id), 0) + 1 from t');
      await waitForAll(config);
      const [place] = await c.query(`select lsn from replicator.progress where source = 'a'`);
      expect(place).toBeDefined();
      const passed = await a.query(
        `select from pg_replication_slots where slot_name = 'replicator_a' and confirmed_flush_lsn > $1`,
        [place?.['lsn']],
      );
      expect(passed).toHaveLength(1);
    },
    { timeoutMs: 30_000, what: 'that the owner reads on' },
  );
}

/** The owner of a:b reads on past c, of which it does not know. */
async function passBy(initialCopy: string): Promise<ReplicatorProcess> {
  config = fileOf({ a: source(a), b: target(b) }, initialCopy);
  all = fileOf({ a: source(a), b: target(b), c: target(c) }, initialCopy);
  const replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b']);
  expect(await runCli(['init', '-c', all])).toMatchObject({ code: 0 });
  await readOn();
  return replicator;
}

/** Now, and with what is written next. */
async function expectNothingMissing(replicator: ReplicatorProcess): Promise<void> {
  await a.query(`insert into t values (-9, 'later'); insert into without_rows values (1, 'later')`);
  for (const table of ['t', 'without_rows']) await untilEqual(a, c, table);
  await waitForAll(all);
  expect(replicator.logs.filter(({ code }) => code === 'GAP')).toEqual([]);
}

async function untilFailed(
  replicator: ReplicatorProcess,
  code: string,
  from: number,
): Promise<LogLine> {
  return await replicator.waitForLog(
    (line) => line['subscription'] === 'a:c' && line['code'] === code,
    { from, timeoutMs: 30_000 },
  );
}

test.each([
  ['target', { b: target, c: target }, ['a:b', 'a:c']],
  [
    'source',
    { b: source, c: source },
    ['a:b', 'b:a', 'a:c', 'b:c', 'c:a', 'c:b', 'a:a', 'b:b', 'c:c'],
  ],
  ['second source', { b: target, c: source }, ['a:b', 'a:c', 'c:a', 'c:b', 'a:a', 'c:c']],
])('a %s is added: who stands by is told first', async (_, roles, streaming) => {
  const before = { a: source(a), b: roles.b(b) };
  config = fileOf(before);
  all = fileOf({ ...before, c: roles.c(c) });
  const owner = startReplicator(config);
  await untilStreaming(owner, ['a:b']);
  const other = startReplicator(all);
  await other.waitForLog((l) => l['msg'] === 'standing by');
  await readOn();
  // The other takes over.
  await stopCleanly(owner);
  await untilStreaming(other, streaming, { timeoutMs: 60_000 });
  await expectNothingMissing(other);
  await stopCleanly(other);
});

test('init with the new file, then SIGHUP', async () => {
  const replicator = await passBy('if_empty');
  const from = reload(replicator, config, all);
  await untilStreaming(replicator, ['a:b', 'a:c'], { from });
  await expectNothingMissing(replicator);
  await stopCleanly(replicator);
});

test('without a copy it is told that something is missing, and mended as the hint says', async () => {
  const replicator = await passBy('none');
  const from = reload(replicator, config, all);
  const { hint } = await untilFailed(replicator, 'GAP', from);
  expect(hint).toContain('`replicator resync a:c` for ');
  expect(await runCli(['resync', 'a:c', '-c', all])).toMatchObject({ code: 0 });
  await untilStreaming(replicator, ['a:c'], { from });
  await untilEqual(a, c, 't');
  await stopCleanly(replicator);
});

test('a table that is filled while it is about to be copied misses what was passed by', async () => {
  const replicator = await passBy('if_empty');
  // Nobody sees the row while it is decided that the table is copied, and the copy waits for its transaction.
  const filling = await holdLock(c, `insert into t values (-1, 'of a user')`);
  const from = reload(replicator, config, all);
  await replicator.waitForLog((l) => l['subscription'] === 'a:c' && l['state'] === 'copying', {
    from,
  });
  await filling.commit();
  await untilFailed(replicator, 'COPY_REFUSED', from);
  await untilFailed(replicator, 'GAP', from);
  expect(await rowsOf(c, 't')).toEqual(['(-1,"of a user")']);
  await stopCleanly(replicator);
});
