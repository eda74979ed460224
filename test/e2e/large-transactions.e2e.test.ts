// Transactions and values that are larger than the memory of the program.
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { largestValueBytes } from '../../src/source/decode/pgoutput-decoder.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import { stopCleanly, tearDown, waitForAll } from '../support/replication.ts';
import {
  killReplicators,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { expectEqual, initialize } from '../support/synced-databases.ts';

const largeMb = 50;
const heapMb = 256;

let sourceServer: PostgresServer;
let targetServer: PostgresServer;
let source: TestDatabase;
let target: TestDatabase;
let config: string;
let replicator: ReplicatorProcess;

const tables = `
  create table items (id bigint primary key, n int not null, v text);
  create table small (id bigint primary key, at bigint not null);
  create table large (id int primary key, ascii text, other text, bytes bytea)`;

beforeAll(async () => {
  sourceServer = await startServer({
    major: newest,
    name: 'large',
    settings: { wal_sender_timeout: '5s', logical_decoding_work_mem: '4MB' },
  });
  targetServer = await sharedServer(oldest);
}, 60_000);

beforeEach(async () => {
  source = await createDatabase(sourceServer, 'large source');
  target = await createDatabase(targetServer, 'large target');
  for (const database of [source, target]) await database.query(tables);
  config = await initialize({
    a: { database: source, role: 'source' },
    b: { database: target, role: 'target' },
  });
  replicator = startReplicator(config, { nodeArgs: [`--max-old-space-size=${heapMb}`] });
});

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') {
    await stopCleanly(replicator);
    await tearDown(config);
    expect(await sourceServer.log()).not.toContain('due to replication timeout');
  }
  await killReplicators();
  await Promise.all([source.drop(), target.drop()]);
  await Promise.all([assertNothingLeft(sourceServer), assertNothingLeft(targetServer)]);
}, 60_000);

afterAll(async () => {
  await sourceServer.remove();
});

/** The most memory that the process has had: VmHWM of proc_pid_status(5), in MB. */
async function peakMemoryMb(): Promise<number> {
  const status = await readFile(`/proc/${replicator.pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}

async function countOf(database: TestDatabase, table: string): Promise<number> {
  return Number((await database.query(`select count(*) as n from ${table}`))[0]?.['n']);
}

test('a million rows inserted, updated and deleted in one transaction each', async () => {
  const began = performance.now();
  const step = async (sql: string) => {
    await source.query(sql);
    await waitForAll(config, '120s');
    await expectEqual([source, target], 'items');
    console.info(`${sql.slice(0, 6)}: ${Math.round(performance.now() - began)} ms`);
  };
  await step(`insert into items select i, i % 7, 'row ' || i from generate_series(1, 1000000) i`);
  await step(`update items set n = n + 1, v = v || '!' where id % 4 = 0`);
  await step(`delete from items where id % 5 = 0`);
  expect(await countOf(target, 'items')).toBe(800_000);
  const peakMb = await peakMemoryMb();
  console.info(`a million rows: peak ${peakMb} MB`);
  expect(peakMb).toBeLessThan(heapMb * 2);
}, 180_000);

test(`values of ${largeMb} MB, alone and in one row`, async () => {
  const size = largeMb * 1024 * 1024;
  await source.query(`insert into large (id, ascii) values (1, repeat('abcdefgh', ${size / 8}))`);
  await source.query(`insert into large (id, other) values (2, repeat('é😀xy', ${size / 8}))`);
  // on the wire each byte takes two characters
  await source.query(
    `insert into large (id, bytes) values (3, decode(repeat('00ff7f80', ${size / 8}), 'hex'))`,
  );
  await source.query(`update large set other = 'small' where id = 1`);
  await source.query(`update large set ascii = 'x' where id = 2`);
  await source.query(
    `insert into large select 4, repeat('a', ${size}), repeat('ä', ${size / 2}), '\\x00'`,
  );
  await waitForAll(config, '120s');
  await expectEqual([source, target], 'large');
  console.info(`values of ${largeMb} MB: peak ${await peakMemoryMb()} MB`);
}, 120_000);

test('the largest value that is carried', async () => {
  await source.query(
    `insert into large (id, ascii) values (1, repeat('abcdefgh', ${largestValueBytes / 8}))`,
  );
  await waitForAll(config, '120s');
  await expectEqual([source, target], 'large');
  console.info(`the largest value: peak ${await peakMemoryMb()} MB`);
}, 120_000);

test('a transaction whose target connection is killed half way arrives once', async () => {
  await source.query(`insert into items select i, 0, 'x' from generate_series(1, 400000) i`);
  // In the middle: some parts of it are applied, and the transaction is open.
  const kill = `
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = '${target.name}' and application_name like 'replicator/%/apply'
      and xact_start < clock_timestamp() - interval '0.3 s'`;
  for (let kills = 0; kills < 3; kills++) {
    const from = replicator.logs.length;
    // At once when it is seen, as it may have ended by the next look.
    await eventually(async () => (await target.query(kill)).length === 1, {
      what: 'a long transaction on the target',
      intervalMs: 5,
    });
    await replicator.waitForLog(({ code }) => code === 'CONNECTION_LOST', { from });
    expect(await countOf(target, 'items')).toBe(0);
  }
  await waitForAll(config, '120s');
  expect(await expectEqual([source, target], 'items')).toMatch(/^400000 rows/);
}, 120_000);

test('rows that the target lacks are made good in a large transaction too', async () => {
  await source.query(`insert into items select i, 0, 'x' from generate_series(1, 15000) i`);
  await waitForAll(config);
  await target.query('delete from items where id in (5, 14000)');
  await source.query('update items set n = 1');
  await waitForAll(config, '120s');
  expect(await expectEqual([source, target], 'items')).toMatch(/^15000 rows/);
  await replicator.waitForLog((line) => line.msg === 'conflicts' && line['update_missing'] === 2);
}, 120_000);

test('rows that the target has already are taken over in a large transaction too', async () => {
  await target.query(`insert into items values (5, 7, 'y'), (14000, 7, 'y')`);
  await source.query(`insert into items select i, 0, 'x' from generate_series(1, 15000) i`);
  await waitForAll(config, '120s');
  expect(await expectEqual([source, target], 'items')).toMatch(/^15000 rows/);
  const counted = replicator.logs.filter(({ msg }) => msg === 'conflicts');
  expect(counted).toMatchObject([{ insert_exists: 2 }]);
}, 120_000);

test('large transactions among many small ones keep the order of the source', async () => {
  // each row says how many rows of items there were when it was written
  const note = (id: number) => source.query(`insert into small select ${id}, count(*) from items`);
  await target.query(`
    create table seen (id bigint, at bigint, found bigint);
    create function see() returns trigger language plpgsql as $$
      begin
        insert into public.seen select new.id, new.at, count(*) from public.items;
        return null;
      end $$;
    create trigger see after insert on small for each row execute function see();
    alter table small enable always trigger see`);
  for (let round = 0; round < 5; round++) {
    await source.query(
      `insert into items select i, ${round}, 'x'
       from generate_series(${round * 30_000 + 1}, ${(round + 1) * 30_000}) i`,
    );
    for (let i = 0; i < 20; i++) await note(round * 20 + i);
  }
  await waitForAll(config, '120s');
  await expectEqual([source, target], 'items');
  await expectEqual([source, target], 'small');
  expect(await target.query('select * from seen where at <> found')).toEqual([]);
  expect(await countOf(target, 'seen')).toBe(100);
}, 120_000);
