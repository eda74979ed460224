// One direction between two masters has joined a table before the other has: what is written meanwhile where the
// table is not published yet is sent to nobody, so it must not be taken for equal without a word.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
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
} from '../support/replication.ts';
import {
  killReplicators,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source, writeSyncFile } from '../support/sync-file.ts';

vi.setConfig({ testTimeout: 60_000 });

describe.each([...new Set([oldest, newest])])('on PostgreSQL %i', (major) => {
  let a: TestDatabase;
  let b: TestDatabase;
  let config: string;
  let replicator: ReplicatorProcess;

  beforeEach(async () => {
    const server = await sharedServer(major);
    a = await createDatabase(server, 'one by one a');
    b = await createDatabase(server, 'one by one b');
    await onBoth('create table t (id int primary key, v text)');
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

  async function onBoth(sql: string): Promise<void> {
    for (const database of [a, b]) await database.query(sql);
  }

  async function start(initial_copy: string): Promise<void> {
    config = writeSyncFile({ a: source(a), b: source(b) }, { sync: { initial_copy } });
    replicator = startReplicator(config);
    await untilStreaming(replicator, ['a:b', 'b:a', 'a:a', 'b:b']);
  }

  const warned = (text: string) =>
    replicator.logs
      .filter(({ level, msg }) => level === 'warn' && msg?.includes(text))
      .map((line) => `${line['subscription']} ${line['table']}`);

  test.each([
    { rule: 'if_empty', copied: false, sql: 'delete from w' },
    { rule: 'if_empty', copied: true, sql: 'delete from w' },
    { rule: 'if_empty', copied: true, sql: 'delete from w where id = 1' },
    { rule: 'once', copied: false, sql: 'delete from w where id = 1' },
  ])(
    'what was deleted before the way back has joined is told: $rule, copied $copied, $sql',
    async ({ rule, copied, sql }) => {
      await start(rule);
      const rows = `insert into w values (1, 'x'), (2, 'x')`;
      await onBoth('create table w (id int primary key, v text)');
      if (copied) await a.query(rows);
      await pauseAndResume(replicator, config, 'a:b');
      if (!copied) await a.query(rows);
      await untilEqual(a, b, 'w');
      await b.query(sql);
      const left = await rowsOf(b, 'w');
      await pauseAndResume(replicator, config, 'b:a');
      expect(warned('joined without a copy')).toEqual(['b:a public.w']);
      await eventually(() => expect(warned('tables differ')).toEqual(['b:a public.w']));
      await b.query(`insert into w values (3, 'y')`);
      await waitForAll(config);
      expect(await rowsOf(a, 'w')).toEqual(['(1,x)', '(2,x)', '(3,y)']);
      expect(await rowsOf(b, 'w')).toEqual([...left, '(3,y)']);
    },
  );

  test.each(['if_empty', 'once', 'none'])(
    'a first start warns of nothing, whoever has rows and writes, %s',
    async (rule) => {
      await onBoth(
        'create table only_on_a (id int primary key); create table empty (id int primary key)',
      );
      if (rule !== 'none') await a.query('insert into only_on_a values (1)');
      await start(rule);
      await a.query('insert into empty values (1); delete from only_on_a');
      await b.query('insert into empty values (2)');
      await waitForAll(config);
      for (const name of ['empty', 'only_on_a']) await untilEqual(a, b, name);
      expect(warned('copy')).toEqual([]);
    },
  );
});
