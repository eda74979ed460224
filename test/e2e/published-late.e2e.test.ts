// Sessions begin anew one by one, and so tables join one by one, in an order of their own. What users write to a table
// before it is published is sent to nobody: whoever has its rows by then must not be taken for complete.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDatabases, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import {
  pauseAndResume,
  rowsOf,
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
import { runCli } from '../support/run-cli.ts';
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let a: TestDatabase;
let b: TestDatabase;
let c: TestDatabase;
let config: string;
let replicator: ReplicatorProcess;

beforeEach(async () => {
  const server = await sharedServer(newest);
  const names = ['published late a', 'published late b', 'published late c'] as const;
  [a, b, c] = await createDatabases(server, names);
  config = writeSyncFile(
    { a: source(a), b: source(b), c: target(c) },
    { sync: { initial_copy: 'if_empty' } },
  );
  replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b', 'b:a', 'a:a', 'b:b', 'a:c', 'b:c']);
  for (const { query } of [a, b, c]) await query('create table t (id int primary key, v text)');
  await b.query(`insert into t values (1, 'x'), (2, 'x')`);
  await pauseAndResume(replicator, config, 'b:a');
  await untilEqual(b, a, 't');
  await pauseAndResume(replicator, config, 'b:c');
  await untilEqual(b, c, 't');
});

afterEach(async () => {
  await killReplicators();
  try {
    await tearDown(config);
  } finally {
    for (const database of [a, b, c]) await database.drop();
  }
});

const toldToDiffer = () =>
  replicator.logs
    .filter(({ msg }) => msg?.startsWith('tables differ') === true)
    .map((line) => line['subscription']);

test('a table that a copy from another master has brought is published, and compared', async () => {
  await a.query(`insert into t values (5, 'sent to nobody')`);
  await pauseAndResume(replicator, config, 'a:c');
  await a.query(`insert into t values (6, 'sent')`);
  await eventually(async () =>
    expect(await rowsOf(c, 't')).toEqual(['(1,x)', '(2,x)', '(6,sent)']),
  );
  await eventually(() => expect(toldToDiffer()).toEqual(['a:c']));
});

test.each(['delete from t where id = 1', 'delete from t'])(
  'a way back that has passed by changes without any table is not taken for equal: %s',
  async (sql) => {
    await pauseAndResume(replicator, config, 'a:c');
    await eventually(async () =>
      expect(
        await a.query(
          `select from pg_publication_tables where pubname = 'replicator_a' and tablename = 't'`,
        ),
      ).toHaveLength(1),
    );
    await a.query(sql);
    const left = await rowsOf(a, 't');
    await runCli(['wait', '-c', config, '--timeout', '5s']);
    await pauseAndResume(replicator, config, 'a:b');
    await eventually(() => expect(toldToDiffer()).toEqual(['a:b']));
    await a.query(`insert into t values (3, 'sent')`);
    await waitForAll(config);
    expect(await rowsOf(a, 't')).toEqual([...left, '(3,sent)']);
  },
);
