// What is made on the servers, that it is made once, and that nothing of it stays behind.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { holdLock, untilWaitingForLock } from '../support/hold-lock.ts';
import { assertNothingLeftOn } from '../support/leftovers.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import {
  rowsOf,
  stopCleanly,
  tearDown,
  untilStreaming,
  waitForAll,
} from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { type CliResult, runCli } from '../support/run-cli.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';

let servers: PostgresServer[];
let a: TestDatabase;
let b: TestDatabase;
let config: string;

beforeEach(async () => {
  servers = [await sharedServer(oldest), await sharedServer(newest)];
  a = await createDatabase(servers[0]!, 'init a');
  b = await createDatabase(servers[1]!, 'init b');
  for (const database of [a, b])
    await database.query('create table t (id int primary key, v text)');
  config = writeSyncFile({ a: source(a), b: target(b) });
});

afterEach(async () => {
  await killReplicators();
  try {
    await assertNothingLeftOn(servers);
  } finally {
    await a.drop();
    await b.drop();
  }
});

const init = (...args: string[]): Promise<CliResult> => runCli(['init', '-c', config, ...args]);

test('init --dry-run prints the SQL and changes nothing', async () => {
  const before = await inventory();
  const { code, stdout } = await init('--dry-run');
  expect(code).toBe(0);
  expect(stdout).toContain('create table replicator.installation');
  expect(stdout).toContain('create publication "replicator_a"');
  expect(stdout).toContain(`pg_create_logical_replication_slot('replicator_a', 'pgoutput')`);
  expect(stdout).toContain(`'replicator_a__b'`);
  expect(await inventory()).toEqual(before);

  await init();
  const { stdout: again, stderr } = await init('--dry-run');
  expect({ again, stderr }).toEqual({
    again: '',
    stderr: 'nothing to do: everything is set up\n',
  });
  await tearDown(config);
  expect(await inventory()).toEqual(before);
});

test('init makes everything once, and run finds it made', async () => {
  expect(await init()).toMatchObject({ code: 0, stderr: '' });
  const made = await inventory();
  expect(await init()).toMatchObject({
    code: 0,
    stdout: '',
    stderr: 'nothing to do: everything is set up\n',
  });
  expect(await inventory()).toEqual(made);

  await a.query(`insert into t values (1, 'one')`);
  const replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b']);
  expect(replicator.logs.filter(({ msg }) => msg === 'setup')).toEqual([]);
  await waitForAll(config);
  expect(await rowsOf(b, 't')).toEqual(['(1,one)']);
  await stopCleanly(replicator);
  expect(await inventory()).toEqual(made);
  await tearDown(config);
});

test('the publication is older than the slot, which could not decode with it otherwise', async () => {
  await init();
  const [row] = await a.query(`
    select p.xmin::text::bigint < s.catalog_xmin::text::bigint as older
    from pg_publication p, pg_replication_slots s
    where p.pubname = 'replicator_a' and s.slot_name = 'replicator_a'`);
  expect(row).toEqual({ older: 't' });
  await tearDown(config);
});

test('ranks are in the order of the file, and the same everywhere', async () => {
  config = writeSyncFile({ b: source(b), a: source(a) });
  await init();
  for (const database of [a, b])
    expect(await rowsOf(database, 'replicator.ranks')).toEqual(['(a,2)', '(b,1)']);
  await tearDown(config);
});

test('a target keeps its rank when it gets another name', async () => {
  await init();
  config = writeSyncFile({ a: source(a), renamed: target(b) });
  expect((await init('--dry-run')).stdout).toContain(`update replicator.ranks`);
  expect(await init()).toMatchObject({ code: 0, stderr: '' });
  for (const database of [a, b])
    expect(await rowsOf(database, 'replicator.ranks')).toEqual(['(a,1)', '(renamed,2)']);
  expect((await init()).stderr).toBe('nothing to do: everything is set up\n');
  await tearDown(config);
});

test('teardown removes every trace, says so, and init works again', async () => {
  const before = await inventory();
  for (const attempt of [1, 2]) {
    const replicator = startReplicator(config);
    await untilStreaming(replicator, ['a:b']);
    await a.query('insert into t values ($1)', [attempt]);
    await waitForAll(config);
    await stopCleanly(replicator);

    const { stdout } = await tearDown(config);
    expect(stdout).toMatch(/^a +slot +replicator_a /m);
    expect(stdout).toMatch(/^a +publication +replicator_a /m);
    expect(stdout).toMatch(/^b +origin +replicator_a__b /m);
    expect(stdout).toContain('a: 3 removed, nothing left');
    expect(stdout).toContain('b: 2 removed, nothing left');
    expect(await inventory()).toEqual(before);
    await assertNothingLeftOn(servers);
  }
  expect(await rowsOf(b, 't')).toEqual(['(1,)', '(2,)']);
  expect((await tearDown(config)).stdout).toContain('nothing of replicator is on these databases');
});

test('teardown --dry-run only shows', async () => {
  await init();
  const made = await inventory();
  const { code, stdout } = await runCli(['teardown', '-c', config, '--dry-run']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^a +slot +replicator_a /m);
  expect(await inventory()).toEqual(made);
  await tearDown(config);
});

test('teardown is refused while a replicator runs, with nothing removed', async () => {
  const replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b']);
  await waitForAll(config);
  const made = await inventory();
  const { code, stdout, stderr } = await runCli(['teardown', '-c', config]);
  expect(code).toBe(75);
  expect(stdout).toBe('');
  expect(stderr).toContain('a: slot replicator_a is being read by process');
  expect(stderr).toContain('stop the replicator first');
  expect(await inventory()).toEqual(made);

  await a.query(`insert into t values (1, 'still replicated')`);
  await waitForAll(config);
  expect(await rowsOf(b, 't')).toEqual(['(1,"still replicated")']);
  await stopCleanly(replicator);
  await tearDown(config);
});

test('teardown is refused during the initial copy, when nobody reads the slot yet', async () => {
  await a.query(`insert into t values (1, 'to copy')`);
  config = writeSyncFile({ a: source(a), b: target(b) }, { sync: { initial_copy: 'once' } });
  const lock = await holdLock(b, 'lock table t in row exclusive mode');
  const replicator = startReplicator(config);
  await replicator.waitForLog(({ state }) => state === 'copying');
  await untilWaitingForLock(b);
  const made = await inventory();
  const { code, stderr } = await runCli(['teardown', '-c', config]);
  expect({ code, stderr }).toEqual({
    code: 75,
    stderr: expect.stringContaining('stop the replicator first'),
  });
  expect(await inventory()).toEqual(made);
  await lock.release();
  await untilStreaming(replicator, ['a:b']);
  await stopCleanly(replicator);
  await tearDown(config);
});

test('a slot of our name in another database is refused, naming that database', async () => {
  const other = await createDatabase(servers[0]!, 'init other');
  try {
    await other.query(`select pg_create_logical_replication_slot('replicator_a', 'pgoutput')`);
    expect(await init()).toMatchObject({
      code: 78,
      stderr: expect.stringContaining(`a: slot replicator_a belongs to database ${other.name}`),
    });
  } finally {
    await other.drop();
  }
  await tearDown(config);
});

test('a slot of our name that we have not made is refused', async () => {
  await a.query(`select pg_create_logical_replication_slot('replicator_a', 'pgoutput')`);
  expect(await init()).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('was not made by replicator'),
  });
  await a.query(`select pg_drop_replication_slot('replicator_a')`);
  await tearDown(config);
});

test('an origin of our name that is not recorded is refused, and left alone', async () => {
  await b.query(`select pg_replication_origin_create('replicator_a__b')`);
  const { code, stderr } = await init();
  expect(code).toBe(78);
  expect(stderr).toContain('origin replicator_a__b exists on b already and is not recorded there');
  expect(stderr).toContain(`select pg_replication_origin_drop('replicator_a__b')`);
  await b.query(`select pg_replication_origin_drop('replicator_a__b')`);
  expect(await init()).toMatchObject({ code: 0 });
  await tearDown(config);
});

test('a clone is refused, by init and by run', async () => {
  await init();
  await a.query(`update replicator.installation set system_identifier = '1'`);
  expect(await init()).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('a: schema replicator here was made for another cluster'),
  });
  const replicator = startReplicator(config);
  await replicator.waitForLog(({ level, code }) => level === 'error' && code === 'IDENTITY');
  await stopCleanly(replicator);
  await tearDown(config);
});

test('a clone as template of its database is refused', async () => {
  await init();
  const clone = `${b.name}_clone`;
  await b.server.query('postgres', `create database ${clone} template ${b.name}`);
  try {
    const withClone = writeSyncFile({ a: source(a), b: target({ url: b.server.url(clone) }) });
    expect(await runCli(['init', '-c', withClone])).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('b: schema replicator here was made for another cluster'),
    });
  } finally {
    await b.server.query('postgres', `drop database ${clone}`);
  }
  await tearDown(config);
});

test('a schema of a newer version is refused', async () => {
  await init();
  await b.query('update replicator.installation set schema_version = 99');
  expect(await init()).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('b: schema replicator has version 99'),
  });
  await tearDown(config);
});

test('a function that an earlier build did not have is made', async () => {
  await init();
  await b.query('drop function replicator.refuse_progress');
  expect(await init()).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('create function replicator.refuse_progress'),
  });
  expect(await init()).toMatchObject({ stderr: expect.stringContaining('nothing to do') });
  await tearDown(config);
});

test('ranks that disagree are refused', async () => {
  await init();
  await b.query('update replicator.ranks set rank = 3 - rank + 10');
  await b.query('update replicator.ranks set rank = rank - 10');
  expect(await init()).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('in replicator.ranks differs from the other databases'),
  });
  await tearDown(config);
});

/** All that could be of ours, and what a careless setup could touch. */
async function inventory(): Promise<unknown> {
  const databases = await Promise.all(
    [a, b].map((database) =>
      database.query(`
        select 'relation' as kind, oid::regclass::text as name, relkind::text as detail
          from pg_class where relnamespace >= 16384 or relnamespace = 'public'::regnamespace
        union all select 'schema', nspname, '' from pg_namespace where nspname !~ '^pg_'
        union all select 'function', oid::regprocedure::text, '' from pg_proc where oid >= 16384
        union all select 'publication', pubname, '' from pg_publication
        union all select 'published', tablename, pubname from pg_publication_tables
        union all select 'slot', slot_name, plugin from pg_replication_slots
        union all select 'origin', roname, '' from pg_replication_origin
        union all select 'setting', setconfig::text, '' from pg_db_role_setting
        order by 1, 2, 3`),
    ),
  );
  return databases;
}
