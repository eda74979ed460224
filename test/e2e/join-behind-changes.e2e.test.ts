// A database joins a group of masters while a change of one of them is on its way to the one that is copied:
// what meets that change later must be as it is on the copied one, rows that are gone among it.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { writeConfig } from '../support/config-file.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { holdLock } from '../support/hold-lock.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import {
  appliedRows,
  reload,
  stopCleanly,
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
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';

vi.setConfig({ testTimeout: 120_000 });

describe.each([...new Set([oldest, newest])])('on PostgreSQL %i', (major) => {
  let [a, b, c]: TestDatabase[] = [];
  /** What the daemon reads. */
  let config: string;
  let replicator: ReplicatorProcess;

  beforeEach(async () => {
    const server = await sharedServer(major);
    [a, b, c] = await Promise.all(
      ['a', 'b', 'c'].map((name) => createDatabase(server, `behind ${name}`)),
    );
    for (const database of all())
      await database.query(`
        create table t (id int primary key, v text);
        create table u (id int primary key, email text unique);
        create table other (id int primary key)`);
  });

  afterEach(async () => {
    await killReplicators();
    try {
      await tearDown(config);
      await assertNothingLeft(await sharedServer(major));
    } finally {
      for (const database of all()) await database.drop();
    }
  });

  const all = () => [a, b, c] as [TestDatabase, TestDatabase, TestDatabase];

  /** Which of the three have which tables. */
  function fileOf(members: Record<'most' | 'other', string>): string {
    const urls = Object.fromEntries(all().map(({ url }, i) => ['abc'[i], { url }]));
    const group = (names: string) => Object.fromEntries([...names].map((name) => [name, 'source']));
    return writeConfig({
      databases: urls,
      relgroups: {
        most: { tables: ['public.t', 'public.u'] },
        other: { tables: ['public.other'] },
      },
      dbgroups: { most: group(members.most), other: group(members.other) },
      syncs: {
        most: { relgroup: 'most', dbgroup: 'most', initial_copy: 'if_empty' },
        other: { relgroup: 'other', dbgroup: 'other', initial_copy: 'if_empty' },
      },
    });
  }

  /** With rows on both masters. */
  async function start(other: string): Promise<void> {
    const [first] = all();
    config = fileOf({ most: 'ab', other });
    replicator = startReplicator(config);
    await untilStreaming(replicator, ['a:b', 'b:a']);
    await first.query(`insert into t select i, 'old' from generate_series(1, 5) i;
      insert into u values (1, 'one'), (2, 'two')`);
    await waitForAll(config);
  }

  /** Gives the number of lines that were logged before. */
  function join(other: string): number {
    return reload(replicator, config, fileOf({ most: 'abc', other }));
  }

  async function expectAllEqual(...tables: string[]): Promise<void> {
    const [first, ...others] = all();
    for (const table of tables)
      for (const database of others) await untilEqual(first, database, table, 40_000);
    await stopCleanly(replicator);
  }

  test('an older change loses to what was copied, be it a row, a delete or a value', async () => {
    await start('ab');
    const [first, second, third] = all();
    // What b writes waits on its way to a from here on.
    const lock = await holdLock(first, 'lock table other in share mode');
    await second.query('insert into other values (1)');
    await second.query(`update t set v = 'older' where id in (1, 2);
      insert into u values (3, 'three')`);
    await first.query(`update t set v = 'newer' where id = 1;
      delete from t where id = 2;
      insert into u values (4, 'three');
      update u set email = 'four' where id = 4`);
    const from = join('ab');
    await untilStreaming(replicator, ['a:c', 'b:c', 'c:a', 'c:b'], { from, timeoutMs: 40_000 });
    await eventually(async () =>
      (await appliedRows(third)).some(({ source, updates }) => source === 'b' && updates !== '0'),
    );
    await lock.release();
    await expectAllEqual('t', 'u');
    expect(await third.query('select * from t where id < 3')).toEqual([{ id: '1', v: 'newer' }]);
  });

  test('what the copied one lacks is not what the new one has passed already', async () => {
    await start('abc');
    await untilStreaming(replicator, ['b:c']);
    const [, second, third] = all();
    expect(await runCli(['pause', 'b:a', '-c', config])).toMatchObject({ code: 0 });
    await replicator.waitForLog(
      (line) => line['subscription'] === 'b:a' && line['state'] === 'paused',
    );
    await second.query(`update t set v = 'on its way' where id = 3`);
    await second.query('insert into other values (1)');
    await untilEqual(second, third, 'other');
    const from = join('abc');
    await replicator.waitForLog(
      (line) => line['subscription'] === 'a:c' && line['state'] === 'waiting',
      { from, timeoutMs: 40_000 },
    );
    expect(await runCli(['resume', 'b:a', '-c', config])).toMatchObject({ code: 0 });
    await expectAllEqual('t', 'u', 'other');
    expect(await third.query('select v from t where id = 3')).toEqual([{ v: 'on its way' }]);
  });

  test('what the copied one has only passed by, and not stored, holds nobody up', async () => {
    await start('bc');
    await untilStreaming(replicator, ['b:c']);
    const [, second, third] = all();
    await second.query('insert into other values (1)');
    await untilEqual(second, third, 'other');
    const from = join('bc');
    await untilStreaming(replicator, ['a:c', 'b:c', 'c:a', 'c:b'], { from, timeoutMs: 40_000 });
    expect(replicator.logs.slice(from).filter(({ code }) => code === 'TIMEOUT')).toEqual([]);
    await expectAllEqual('t', 'u');
  });
});
