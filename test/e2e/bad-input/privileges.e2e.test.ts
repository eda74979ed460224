// A role that may log in and nothing else: check names what it lacks, and what --print-grants
// prints makes it work, with nothing but that.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { fingerprint } from '../../support/fingerprint.ts';
import { assertNothingLeft } from '../../support/leftovers.ts';
import type { PostgresServer } from '../../support/postgres-server.ts';
import {
  rowsOf,
  stopCleanly,
  tearDown,
  untilStreaming,
  waitForAll,
} from '../../support/replication.ts';
import { killReplicators, startReplicator } from '../../support/replicator-process.ts';
import { majors, oldest, sharedServer } from '../../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../../support/sync-file.ts';
import { refused, told } from '../../support/told.ts';

let server: PostgresServer;
let a: TestDatabase;
let b: TestDatabase;

/** Tables of another role's, of a superuser's, and one with row-level security. */
const createTables = `
  revoke all on schema public from public;
  create schema app authorization bad_owner;
  set role bad_owner;
  create table app.t (id int primary key, v text);
  create table app.hidden (id int primary key);
  alter table app.hidden enable row level security;
  reset role;
  create table public.super (id int primary key)`;

async function create(major: (typeof majors)[number]): Promise<void> {
  server = await sharedServer(major);
  await server.query('postgres', 'create role bad_owner; create role bad_plain login');
  a = await createDatabase(server, 'privileges a');
  b = await createDatabase(server, 'privileges b');
  for (const database of [a, b]) await database.query(createTables);
}

afterEach(async () => {
  await killReplicators();
  await assertNothingLeft(server);
  await a.drop();
  await b.drop();
  // a privilege on a setting belongs to the whole server
  await server.query('postgres', 'drop owned by bad_plain; drop role bad_plain, bad_owner');
});

function fileAs(user: string): string {
  const as = ({ url }: TestDatabase) => ({ url: url.replace('postgres@', `${user}@`) });
  const relgroup = { tables: ['app.*', 'public.super'] };
  return writeSyncFile({ a: source(as(a)), b: target(as(b)) }, { relgroup });
}

describe.each(majors)('PostgreSQL %i', (major) => {
  beforeEach(() => create(major));

  test('all is named, granted as printed, and then enough', async () => {
    const config = fileAs('bad_plain');
    const before = await fingerprint(server, a.name, b.name);
    const check = await told(['check', '-c', config]);
    expect(check.code).toBe(77);
    const errors = check.stdout.filter((line) => line.startsWith('error  '));
    expect(errors).toEqual(lacking(major).map((line) => `error  ${line}`));
    expect(check.stdout.at(-1)).toBe('16 errors, 0 warnings, 3 notices');
    const init = await refused(['init', '-c', config]);
    expect(init.code).toBe(77);
    expect(init.stderr).toHaveLength(errors.length);
    expect(init.stderr[0]).toBe(
      'replicator: a: role bad_plain may not create or read replication slots (attribute REPLICATION): alter role "bad_plain" replication',
    );
    const grants = await told(['check', '--print-grants', '-c', config]);
    expect(grants).toMatchObject({ code: 0, stderr: [] });
    expect(await fingerprint(server, a.name, b.name)).toEqual(before);

    await execute(grants.stdout);
    expect(await told(['check', '-c', config])).toMatchObject({ code: 0, stderr: [] });
    await expectNothingToGrant(config);
    await expectReplication(config);
    await tearDown(config);
  });
});

describe(`PostgreSQL ${oldest}`, () => {
  beforeEach(() => create(oldest));

  test('what a superuser has set up is granted to an ordinary role', async () => {
    expect(await told(['init', '-c', fileAs('postgres')])).toMatchObject({ code: 0, stderr: [] });
    const config = fileAs('bad_plain');
    const { code, stdout } = await told(['check', '-c', config]);
    expect(code).toBe(77);
    for (const name of ['a', 'b'])
      expect(stdout).toContain(
        `error  ${name}: role bad_plain may not use schema replicator  (own-schema)`,
      );
    const grants = await told(['check', '--print-grants', '-c', config]);
    await execute(grants.stdout);
    expect(await told(['check', '-c', config])).toMatchObject({ code: 0, stderr: [] });
    await expectNothingToGrant(config);
    await expectReplication(config);
    await tearDown(fileAs('postgres'));
  });
});

async function expectNothingToGrant(config: string): Promise<void> {
  expect(await told(['check', '--print-grants', '-c', config])).toEqual({
    code: 0,
    stdout: [],
    stderr: ['nothing to grant: no privilege is missing'],
  });
}

async function expectReplication(config: string): Promise<void> {
  const replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b']);
  await a.query(`
    insert into app.t values (1, 'one'), (2, 'two'); update app.t set v = 'eins' where id = 1;
    delete from app.t where id = 2; insert into app.hidden values (1);
    insert into super values (1); truncate super; insert into super values (2)`);
  await waitForAll(config);
  expect(await rowsOf(b, 'app.t')).toEqual(['(1,eins)']);
  expect(await rowsOf(b, 'app.hidden')).toEqual(['(1)']);
  expect(await rowsOf(b, 'super')).toEqual(['(2)']);
  await stopCleanly(replicator);
  expect(replicator.logs.filter(({ level }) => level !== 'info')).toEqual([]);
}

/** As a superuser would who copies it: each statement on the database above it. */
async function execute(printed: readonly string[]): Promise<void> {
  const scripts = new Map<TestDatabase, string>();
  let on = a;
  for (const line of printed) {
    const name = /^-- ([ab])$/.exec(line)?.[1];
    if (name === undefined) scripts.set(on, `${scripts.get(on) ?? ''}${line}\n`);
    else on = name === 'a' ? a : b;
  }
  for (const [database, sql] of scripts) await database.query(sql);
}

function lacking(major: number): string[] {
  const origins =
    major === 13
      ? 'may not call the replication origin functions, which 13 reserves for superusers'
      : 'may not execute pg_catalog.pg_replication_origin_create(text), pg_catalog.pg_replication_origin_drop(text), pg_catalog.pg_replication_origin_session_setup(text), pg_catalog.pg_replication_origin_xact_setup(pg_lsn,timestamp with time zone)';
  const owns = (table: string, owner: string) =>
    `a: does not own ${table}, so it may not publish it (its owner is ${owner})  (ownership)`;
  const writes = (table: string) =>
    `b: lacks SELECT, INSERT, UPDATE, DELETE, TRUNCATE on ${table}  (tables)`;
  const creates = (name: string, { name: dbname }: TestDatabase) =>
    `${name}: may not create schema replicator and a publication in database ${dbname}  (database-create)`;
  return [
    'a: may not create or read replication slots (attribute REPLICATION)  (replication-attribute)',
    'b: may not set session_replication_role  (replica-role)',
    creates('a', a),
    creates('b', b),
    `b: ${origins}  (origin-functions)`,
    owns('app.hidden', 'bad_owner'),
    owns('app.t', 'bad_owner'),
    owns('public.super', 'postgres'),
    'a: may not use schema app  (tables)',
    'a: may not use schema public  (tables)',
    'b: may not use schema app  (tables)',
    'b: may not use schema public  (tables)',
    writes('app.hidden'),
    writes('app.t'),
    writes('public.super'),
    'b: is subject to row-level security on app.hidden (attribute BYPASSRLS)  (row-security)',
  ].map((line) => line.replace(': ', ': role bad_plain '));
}
