// What somebody does who comes from Bucardo: fill a slave, promote it, write on both sides.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeftOn } from '../support/leftovers.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import {
  appliedRows,
  rowsOf,
  stopCleanly,
  tearDown,
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
import { source, target, writeSyncFile } from '../support/sync-file.ts';

const firstFive = ['(1,10)', '(2,20)', '(3,30)', '(4,40)', '(5,50)'];

describe.each([...new Set([oldest, newest])])('on PostgreSQL %i', (major) => {
  let servers: [PostgresServer, PostgresServer];

  beforeAll(async () => {
    servers = [await sharedServer(major), await startServer({ major, name: 'walkthrough' })];
  });

  afterAll(async () => {
    await servers[1].remove();
  });

  beforeEach(async () => {
    const [first, second] = servers;
    await first.query('postgres', 'create database master1');
    await second.query('postgres', 'create database slave1');
    await first.query('master1', 'create table test1 (a int primary key, b int)');
    await second.query('slave1', 'create table test1 (a int primary key, b int)');
    await first.query('master1', 'insert into test1 select i, i * 10 from generate_series(1, 5) i');
  });

  afterEach(async () => {
    await killReplicators();
    try {
      await assertNothingLeftOn(servers);
    } finally {
      await servers[0].query('postgres', 'drop database if exists master1 with (force)');
      await servers[1].query('postgres', 'drop database if exists slave1 with (force)');
      await servers[1].query('postgres', 'drop database if exists master2 with (force)');
    }
  });

  test.each(['master_2', 'slave_1'])(
    'a slave is filled, promoted as %s, and written to on both sides',
    async (promoted) => {
      const master1 = databaseOn(servers[0], 'master1');
      const slave1 = databaseOn(servers[1], 'slave1');
      const master2 = databaseOn(servers[1], 'master2');

      // one direction: filled once, followed, and nothing comes back
      const asSlave = writeSyncFile(
        { master_1: source(master1), slave_1: target(slave1) },
        { sync: { initial_copy: 'once' } },
      );
      let replicator = startReplicator(asSlave);
      await untilStreaming(replicator, ['master_1:slave_1']);
      expect(await rowsOf(slave1, 'test1')).toEqual(firstFive);
      await stopCleanly(replicator);

      replicator = startReplicator(asSlave);
      await untilStreaming(replicator, ['master_1:slave_1']);
      expect(replicator.logs.filter(({ msg }) => msg === 'table copied')).toEqual([]);
      await master1.query('insert into test1 values (10, 100)');
      await slave1.query('insert into test1 values (11, 110)');
      await waitForAll(asSlave);
      expect(await rowsOf(slave1, 'test1')).toEqual(sorted([...firstFive, '(10,100)', '(11,110)']));
      expect(await rowsOf(master1, 'test1')).toEqual(sorted([...firstFive, '(10,100)']));
      await slave1.query('delete from test1 where a = 11');
      await stopCleanly(replicator);

      // promoted: what master_1 wrote meanwhile comes, what the other side wrote is reported
      await servers[1].query('postgres', 'alter database slave1 rename to master2');
      await master1.query('insert into test1 values (12, 120)');
      await master2.query('insert into test1 values (13, 130)');
      const asMasters = writeSyncFile(
        { master_1: source(master1), [promoted]: source(master2) },
        { sync: { initial_copy: 'none' } },
      );
      replicator = startReplicator(asMasters);
      await untilStreaming(replicator, [`master_1:${promoted}`, `${promoted}:master_1`]);
      await waitForAll(asMasters);
      const before = sorted([...firstFive, '(10,100)', '(12,120)']);
      expect(await rowsOf(master1, 'test1')).toEqual(before);
      expect(await rowsOf(master2, 'test1')).toEqual(sorted([...before, '(13,130)']));
      expect(replicator.logs.filter(({ msg }) => msg === 'table copied')).toEqual([]);

      // both directions
      await master2.query('insert into test1 values (6, 60), (7, 70)');
      await master1.query('insert into test1 values (8, 80), (9, 90)');
      await waitForAll(asMasters);
      const after = sorted([...before, '(6,60)', '(7,70)', '(8,80)', '(9,90)']);
      expect(await rowsOf(master1, 'test1')).toEqual(after);
      expect(await rowsOf(master2, 'test1')).toEqual(sorted([...after, '(13,130)']));
      expect(await appliedRows(master1)).toEqual([applied(promoted, 2)]);
      // (10,100), (12,120) and the two
      expect(await appliedRows(master2)).toEqual([applied('master_1', 4)]);

      await expectNoEcho([master1, master2]);
      await expectReported(asMasters, replicator, promoted);
      await stopCleanly(replicator);
      await tearDown(asMasters);
    },
  );
});

function databaseOn(server: PostgresServer, name: string) {
  return { url: server.url(name), query: (sql: string) => server.query(name, sql) };
}

const sorted = (rows: string[]) => rows.toSorted();

const applied = (from: string, inserts: number) => ({
  source: from,
  inserts: String(inserts),
  updates: '0',
  deletes: '0',
  truncates: '0',
});

/** A row that came back to where it was written would be sent again, and so on for ever. */
async function expectNoEcho(databases: ReturnType<typeof databaseOn>[]): Promise<void> {
  const countersBefore = await Promise.all(databases.map(appliedRows));
  await eventually(
    async () => {
      const positions = await Promise.all(databases.map(walPosition));
      await sleep(2_000);
      for (const [i, database] of databases.entries()) {
        const grownBytes = (await walPosition(database)) - (positions[i] ?? 0);
        // a look at running transactions, a stored position
        expect(grownBytes).toBeLessThan(8_192);
      }
    },
    // once in between a checkpoint or an autovacuum may write more
    { timeoutMs: 15_000, what: 'two seconds in which no server writes' },
  );
  expect(await Promise.all(databases.map(appliedRows))).toEqual(countersBefore);
}

async function walPosition(database: ReturnType<typeof databaseOn>): Promise<number> {
  const [row] = await database.query(`select pg_current_wal_lsn() - '0/0'::pg_lsn as at`);
  return Number(row?.['at']);
}

/** The one row that was written before its database was a source, and that is therefore missing. */
async function expectReported(
  config: string,
  replicator: ReplicatorProcess,
  promoted: string,
): Promise<void> {
  const line = await replicator.waitForLog(({ msg }) => msg?.startsWith('tables differ') === true);
  expect(line).toMatchObject({
    level: 'warn',
    subscription: `${promoted}:master_1`,
    table: 'public.test1',
    only_on_source: 1,
    only_on_target: 0,
    differing: 0,
  });

  const status = await runCli(['status', '-c', config, '--output', 'json']);
  const { differences } = JSON.parse(status.stdout);
  expect(differences).toMatchObject([
    {
      database: promoted,
      other: 'master_1',
      table: 'public.test1',
      onlyHere: 1,
      onlyThere: 0,
      differing: 0,
    },
  ]);
  const keys = { only_here: [['13']], only_there: [], differing: [] };
  expect(differences[0].keys).toEqual(keys);
  expect((await runCli(['status', '-c', config])).stdout).toContain(
    `public.test1: 1 rows only on ${promoted}, 0 only on master_1, 0 differ`,
  );

  const check = await runCli(['check', '-c', config]);
  expect(check.code).toBe(1);
  expect(check.stdout).toContain('public.test1 differed from master_1');
  expect(check.stdout).toContain('1 rows only here, 0 only there');
  const { findings } = JSON.parse(
    (await runCli(['check', '-c', config, '--output', 'json'])).stdout,
  );
  expect(findings).toContainEqual(expect.objectContaining({ table: 'public.test1', keys }));
}
