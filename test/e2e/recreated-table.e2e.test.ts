// A table that is dropped and made anew on the source is another one, which is not published: it is
// told, and joins anew, instead of being taken for one whose changes come.
import { afterEach, expect, test } from 'vitest';
import type { Status } from '../../src/observability/status.ts';
import { createDatabase } from '../support/database.ts';
import {
  rowsOf,
  stopCleanly,
  tearDown,
  untilStreaming,
  waitForAll,
} from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';

afterEach(killReplicators);

test('a table that was dropped and made anew', async () => {
  const a = await createDatabase(await sharedServer(oldest), 'recreated a');
  const b = await createDatabase(await sharedServer(newest), 'recreated b');
  const onBoth = async (sql: string) => {
    for (const database of [a, b]) await database.query(sql);
  };
  await onBoth('create table t (id int primary key); create table kept (id int primary key)');
  const config = writeSyncFile({ a: source(a), b: target(b) });
  const first = startReplicator(config);
  await untilStreaming(first, ['a:b']);
  const waiting = async () => {
    const { stdout } = await runCli(['status', '-c', config, '--output', 'json']);
    return (JSON.parse(stdout) as Status).subscriptions.flatMap(
      ({ waitingTables }) => waitingTables,
    );
  };
  expect(await waiting()).toEqual([]);
  await onBoth('drop table t; create table t (id int primary key)');
  expect(await waiting()).toEqual(['public.t']);
  await stopCleanly(first);

  const second = startReplicator(config);
  await untilStreaming(second, ['a:b']);
  expect(await waiting()).toEqual([]);
  await a.query('insert into t values (1)');
  await waitForAll(config);
  expect(await rowsOf(b, 't')).toEqual(['(1)']);

  // With rows it holds what the target never saw.
  await onBoth('drop table t; create table t (id int primary key)');
  await a.query('insert into t values (2)');
  await stopCleanly(second);
  const third = startReplicator(config);
  await untilStreaming(third, ['a:b']);
  expect(await waiting()).toEqual(['public.t']);
  await stopCleanly(third);
  await tearDown(config);
  for (const database of [a, b]) await database.drop();
});

test('the only table of its sync, which nothing else tells to be an old one', async () => {
  const a = await createDatabase(await sharedServer(newest), 'recreated a');
  const b = await createDatabase(await sharedServer(newest), 'recreated b');
  for (const database of [a, b]) await database.query('create table t (id int primary key)');
  const config = writeSyncFile({ a: source(a), b: target(b) });
  const first = startReplicator(config);
  await untilStreaming(first, ['a:b']);
  await stopCleanly(first);
  for (const database of [a, b])
    await database.query('drop table t; create table t (id int primary key)');
  await a.query('insert into t values (1)');
  const second = startReplicator(config);
  await untilStreaming(second, ['a:b']);
  // With `initial_copy: none` it would be taken for equal: the target lacks a row that nobody sends.
  const { stdout } = await runCli(['status', '-c', config, '--output', 'json']);
  expect((JSON.parse(stdout) as Status).subscriptions[0]?.waitingTables).toEqual(['public.t']);
  await stopCleanly(second);
  await tearDown(config);
  for (const database of [a, b]) await database.drop();
});
