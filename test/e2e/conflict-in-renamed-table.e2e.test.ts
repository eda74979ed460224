// conflict: pause, while the table is called otherwise on one of its databases, or on both: what a person decides is
// written into the table that was meant, whatever its name is by then and whatever has its name.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ConflictRow } from '../../src/observability/read-conflicts.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeftOn } from '../support/leftovers.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import { rowsOf, stopCleanly, tearDown, waitForAll } from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source } from '../support/sync-file.ts';
import { initialize } from '../support/synced-databases.ts';

let servers: PostgresServer[];
let a: TestDatabase;
let b: TestDatabase;
let config: string;

beforeEach(async () => {
  servers = await Promise.all([oldest, newest].map(sharedServer));
  a = await createDatabase(servers[0] as PostgresServer, 'renamed conflict a');
  b = await createDatabase(servers[1] as PostgresServer, 'renamed conflict b');
  for (const database of [a, b])
    await database.query(`create table t (id int primary key, v text);
      create table other (id int primary key, v text)`);
  config = await initialize({ a: source(a), b: source(b) }, { sync: { conflict: 'pause' } });
  await replicating(async () => {
    await a.query(`insert into t values (1, 'old'); insert into other values (1, 'old')`);
    await waitForAll(config);
  });
});

afterEach(async () => {
  await killReplicators();
  try {
    await tearDown(config);
    await assertNothingLeftOn(servers);
  } finally {
    for (const database of [a, b]) await database.drop();
  }
});

async function replicating(during: () => Promise<void>): Promise<void> {
  const replicator = startReplicator(config);
  await during();
  await stopCleanly(replicator);
}

/** Both wait for a person. `inA`, `inB`: the tables that are changed there, in turn, as they are called there. */
async function stopBoth(inA = ['t'], inB = ['t']): Promise<void> {
  const update = (tables: string[], v: string) =>
    tables.map((table) => `update ${table} set v = '${v}' where id = 1`).join(';');
  await a.query(`begin; ${update(inA, 'of a')}; commit`);
  await b.query(`begin; ${update(inB, 'of b')}; commit`);
  await replicating(async () => {
    await eventually(async () => expect(Object.keys(await waiting())).toHaveLength(2), {
      what: 'questions',
    });
  });
}

async function waiting(...args: string[]): Promise<Record<string, string>> {
  const { stdout } = await runCli(['conflicts', '-c', config, '--json', ...args]);
  const { conflicts } = JSON.parse(stdout) as { conflicts: ConflictRow[] };
  const undecided = conflicts.filter(
    ({ resolution, decision }) => resolution === 'error' && decision === null,
  );
  return Object.fromEntries(undecided.map(({ id, table }) => [id, table]));
}

const take = (id: string, which: 'local' | 'remote') =>
  runCli(['conflicts', 'resolve', id, '--take', which, '-c', config]);

const rename = (database: TestDatabase, from: string, to: string) =>
  database.query(`alter table ${from} rename to ${to}`);

test.each([
  ['on the database that decides', 't', 'renamed'],
  ['on both', 'renamed', 'renamed'],
])('renamed since it stopped, %s', async (_, inA, inB) => {
  await stopBoth();
  if (inA !== 't') await rename(a, 't', inA);
  if (inB !== 't') await rename(b, 't', inB);
  expect(await waiting()).toEqual({ 'a:1': `public.${inA}`, 'b:1': `public.${inB}` });
  expect(await take('b:1', 'remote')).toMatchObject({
    code: 0,
    stdout: `b:1: the remote row of public.${inB} {"id":"1"} stays\n`,
  });
  await expectEverywhere('of a', inA, inB);
});

test.each(['a', 'b'])(
  'renamed on one of them before both stopped, and decided on %s',
  async (on) => {
    await rename(b, 't', 'renamed');
    await stopBoth(['t'], ['renamed']);
    expect(await waiting('--table', 'public.renamed')).toEqual({ 'b:1': 'public.renamed' });
    expect(await waiting('--table', 'public.t')).toEqual({ 'a:1': 'public.t' });
    expect(await take(`${on}:1`, on === 'a' ? 'local' : 'remote')).toMatchObject({ code: 0 });
    await expectEverywhere('of a', 't', 'renamed');
  },
);

test('another table has its name by now', async () => {
  await stopBoth();
  await rename(b, 't', 'swapped');
  await rename(b, 'other', 't');
  await rename(b, 'swapped', 'other');
  await b.query(`update t set v = 'of b' where id = 1`);
  expect(await take('b:1', 'remote')).toMatchObject({ code: 0 });
  expect(await rowsOf(b, 't')).toEqual(['(1,"of b")']);
  await expectEverywhere('of a', 't', 'other');
});

test('of two tables that the same transactions changed only one is decided', async () => {
  await rename(b, 't', 'renamed');
  await stopBoth(['t', 'other'], ['other', 'renamed']);
  expect(await waiting()).toEqual({ 'a:1': 'public.other', 'b:1': 'public.renamed' });
  expect(await take('b:1', 'remote')).toMatchObject({ code: 0 });
  expect(await waiting()).toEqual({ 'a:1': 'public.other' });
});

test('the table is gone', async () => {
  await stopBoth();
  await b.query('drop table t');
  expect(await take('b:1', 'remote')).toMatchObject({
    code: 1,
    stdout: '',
    stderr:
      'replicator: b:1: the table is not there any more, nothing was written; see `replicator conflicts` again in some seconds\n',
  });
  expect(await waiting()).toEqual({ 'a:1': 'public.t' });
});

/** Also where the other one has not been asked: nobody waits any more. */
async function expectEverywhere(value: string, inA: string, inB: string): Promise<void> {
  expect(await waiting()).toEqual({});
  await replicating(async () => {
    await waitForAll(config);
  });
  expect(await rowsOf(a, inA)).toEqual([`(1,"${value}")`]);
  expect(await rowsOf(b, inB)).toEqual([`(1,"${value}")`]);
}
