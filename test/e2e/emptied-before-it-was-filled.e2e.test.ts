// A new master may hold rows that nobody wants, and whoever sees to it deletes them: before `run`, or because the copy
// was refused. These deletes are in its slot already, and must take no rows of the others that have the same keys.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import { rowsOf, tearDown, untilStreaming, waitForAll } from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source, writeSyncFile } from '../support/sync-file.ts';

vi.setConfig({ testTimeout: 90_000 });

describe.each([...new Set([oldest, newest])])('on PostgreSQL %i', (major) => {
  const databases: TestDatabase[] = [];
  let config: string;

  afterEach(async () => {
    await killReplicators();
    try {
      await tearDown(config);
      await assertNothingLeft(await sharedServer(major));
    } finally {
      for (const database of databases.splice(0)) await database.drop();
    }
  });

  async function masters(names: readonly string[], initial_copy: string): Promise<TestDatabase[]> {
    const server = await sharedServer(major);
    const members: Record<string, ReturnType<typeof source>> = {};
    for (const name of names) {
      const database = await createDatabase(server, `emptied ${name}`);
      await database.query('create table t (id int primary key, v text unique)');
      databases.push(database);
      members[name] = source(database);
    }
    config = writeSyncFile(members, { sync: { initial_copy } });
    expect(await runCli(['init', '-c', config])).toMatchObject({ code: 0 });
    return databases;
  }

  const subscriptionsOf = (names: readonly string[]) =>
    names.flatMap((from) => names.map((to) => `${from}:${to}`));

  /** Of a, whatever was in the others before; and what is written then counts everywhere. */
  async function expectRowsOfFirst(...[first, ...others]: readonly TestDatabase[]): Promise<void> {
    const expected = ['(1,a1)', '(2,a2)', '(3,a3)'];
    for (const database of databases) expect(await rowsOf(database, 't')).toEqual(expected);
    await others[0]?.query(`delete from t where id = 3; insert into t values (4, 'b4')`);
    await first?.query(`update t set v = 'again' where id = 1`);
    await others.at(-1)?.query(`update t set v = 'b1' where id = 2`);
    await waitForAll(config);
    const after = ['(1,again)', '(2,b1)', '(4,b4)'];
    for (const database of databases)
      await eventually(async () => expect(await rowsOf(database, 't')).toEqual(after));
  }

  test.each([
    { names: ['a', 'b'], how: 'delete from t' },
    { names: ['a', 'b'], how: 'truncate t' },
    { names: ['a', 'b', 'c'], how: 'delete from t' },
  ])('before `run`, $names, by $how', async ({ names, how }) => {
    const [first, ...others] = await masters(names, 'if_empty');
    await first?.query(`insert into t values (1, 'a1'), (2, 'a2'), (3, 'a3')`);
    for (const other of others)
      await other.query(`insert into t values (1, 'old'), (9, 'a2'); ${how}`);
    const replicator = startReplicator(config);
    await untilStreaming(replicator, subscriptionsOf(names));
    await waitForAll(config);
    await expectRowsOfFirst(...databases);
  });

  test.each(['delete from t', 'truncate t'])('when the copy is refused, by %s', async (how) => {
    const [first, second] = await masters(['a', 'b'], 'once');
    await first?.query(`insert into t values (1, 'a1'), (2, 'a2'), (3, 'a3')`);
    await second?.query(`insert into t values (1, 'old'), (9, 'a2')`);
    const replicator = startReplicator(config);
    await replicator.waitForLog(
      (line) => line.code === 'COPY_REFUSED' && line['subscription'] === 'a:b',
    );
    await second?.query(how);
    replicator.signal('SIGHUP');
    await untilStreaming(replicator, ['a:b', 'b:a']);
    await waitForAll(config);
    await expectRowsOfFirst(...databases);
  });
});
