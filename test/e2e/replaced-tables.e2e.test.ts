// A table is replaced by another one under its name, as migrations do, while it is followed by its oid.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Status } from '../../src/observability/status.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import {
  pauseAndResume,
  rowsOf,
  tearDown,
  untilEqual,
  untilStreaming,
  waitForAll,
  waitForAllBut,
} from '../support/replication.ts';
import {
  killReplicators,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';

vi.setConfig({ testTimeout: 60_000 });

describe.each([...new Set([oldest, newest])])('on PostgreSQL %i', (major) => {
  let a: TestDatabase;
  let b: TestDatabase;
  let config: string;
  let replicator: ReplicatorProcess;

  beforeEach(async () => {
    const server = await sharedServer(major);
    a = await createDatabase(server, 'replaced a');
    b = await createDatabase(server, 'replaced b');
    await onBoth(table('t'));
  });

  afterEach(async () => {
    await killReplicators();
    try {
      await tearDown(config);
      await assertNothingLeft(await sharedServer(major));
    } finally {
      for (const database of [a, b]) await database.drop();
    }
  });

  const table = (name: string) => `create table ${name} (id int primary key, v text)`;
  const swap = `alter table t rename to t_old; ${table('t')}`;

  async function onBoth(sql: string): Promise<void> {
    for (const database of [a, b]) await database.query(sql);
  }

  async function start(initial_copy: string, tables = ['public.*']): Promise<void> {
    config = writeSyncFile(
      { a: source(a), b: target(b) },
      { sync: { initial_copy }, relgroup: { tables } },
    );
    replicator = startReplicator(config);
    await untilStreaming(replicator, ['a:b']);
  }

  /** Gives the number of lines that were logged before. */
  async function beginAnew(): Promise<number> {
    const from = replicator.logs.length;
    replicator.signal('SIGHUP');
    await untilStreaming(replicator, ['a:b'], { from });
    return from;
  }

  async function waiting(): Promise<string[]> {
    const { stdout } = await runCli(['status', '-c', config, '--output', 'json']);
    const { subscriptions } = JSON.parse(stdout) as Status;
    return subscriptions.flatMap(({ waitingTables }) => waitingTables);
  }

  test.each(['if_empty', 'once', 'none'])(
    'on the source first: the new one waits for the target, %s',
    async (rule) => {
      await start(rule);
      await a.query(`insert into t values (1, 'old')`);
      await waitForAll(config);
      await a.query(swap);
      // Without a copy only an empty one can join.
      if (rule !== 'none') await a.query(`insert into t values (1, 'new')`);
      const from = await beginAnew();
      expect(replicator.logs.slice(from)).toContainEqual(
        expect.objectContaining({
          level: 'warn',
          subscription: 'a:b',
          table: 'public.t',
          msg: 'table is not replicated: what has its name on b follows another table',
          hint: expect.stringContaining('rename it there as well'),
        }),
      );
      await a.query(`insert into t_old values (2, 'old')`);
      await eventually(async () => expect(await rowsOf(b, 't')).toEqual(['(1,old)', '(2,old)']));
      expect(await waiting()).toEqual(['public.t']);
      const check = await runCli(['check', '-c', config, '--output', 'json']);
      expect(check.stdout).toContain('public.t of b follows another table');
      expect(check.stdout).not.toContain('empty it there');

      await b.query(swap);
      await beginAnew();
      expect(await waiting()).toEqual([]);
      await a.query(`insert into t values (3, 'new'); insert into t_old values (3, 'old')`);
      await waitForAll(config);
      for (const name of ['t', 't_old']) await untilEqual(a, b, name);
    },
  );

  test('on the source first, by one whose new name the file does not name', async () => {
    await start('if_empty', ['public.t']);
    await a.query(`insert into t values (1, 'old')`);
    await waitForAll(config);
    await a.query(`${swap}; insert into t values (1, 'new')`);
    await pauseAndResume(replicator, config, 'a:b');
    expect(await waiting()).toEqual(['public.t']);
    await a.query(`insert into t values (2, 'new')`);
    await waitForAllBut('a:b: public.t', config);
    expect(await rowsOf(b, 't')).toEqual(['(1,old)']);
    await b.query(swap);
    await pauseAndResume(replicator, config, 'a:b');
    await waitForAll(config);
    await untilEqual(a, b, 't');
  });

  test.each([
    ['dropped', 'drop table t; alter table t_new rename to t'],
    ['renamed', 'alter table t rename to t_old; alter table t_new rename to t'],
  ])('by one that has joined as well, the former is %s', async (_, sql) => {
    await onBoth(table('t_new'));
    await start('if_empty');
    await a.query(`insert into t values (1, 'old'); insert into t_new values (1, 'new')`);
    await waitForAll(config);
    await onBoth(sql);
    await beginAnew();
    expect(await waiting()).toEqual([]);
    await a.query(`insert into t values (2, 'new')`);
    await waitForAll(config);
    expect(await rowsOf(b, 't')).toEqual(['(1,new)', '(2,new)']);
  });

  test('one that misses changes is known by its new name as well', async () => {
    await start('if_empty');
    await a.query(`insert into t values (1, 'old')`);
    await waitForAll(config);
    await a.query(`alter publication replicator_a drop table t; insert into t values (2, 'unseen');
      alter publication replicator_a add table only t; alter table t rename to first`);
    await onBoth(table('kept'));
    await b.query('alter table t rename to first');
    await beginAnew();
    expect(await waiting()).toEqual(['public.first']);
    await onBoth('alter table first rename to second');
    await beginAnew();
    expect(await waiting()).toEqual(['public.second']);
    await b.query('truncate second');
    await beginAnew();
    await waitForAll(config);
    await untilEqual(a, b, 'second');
  });
});
