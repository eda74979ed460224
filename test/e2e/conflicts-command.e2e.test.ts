// `replicator conflicts`: what databases remember is listed, and what a person decides about a row
// becomes that row everywhere.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ConflictRow } from '../../src/observability/read-conflicts.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { assertNothingLeftOn } from '../support/leftovers.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import { stopCleanly, tearDown, waitForAll } from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source, writeSyncFile } from '../support/sync-file.ts';
import { initialize } from '../support/synced-databases.ts';

let servers: PostgresServer[];
let a: TestDatabase;
let b: TestDatabase;
let config: string;

beforeEach(async () => {
  servers = [await sharedServer(oldest), await sharedServer(newest)];
  a = await createDatabase(servers[0] as PostgresServer, 'conflicts a');
  b = await createDatabase(servers[1] as PostgresServer, 'conflicts b');
  for (const database of [a, b])
    await database.query(`create table t (id int primary key, v text, n numeric);
      create table "Other" (id int primary key)`);
  config = await initialize({ a: source(a), b: source(b) });
});

afterEach(async () => {
  await killReplicators();
  await tearDown(config);
  try {
    await assertNothingLeftOn(servers);
  } finally {
    await a.drop();
    await b.drop();
  }
});

interface Remembered {
  table?: string;
  source?: string;
  local?: string;
  key?: object;
  resolution?: string;
  localRow?: object | null;
  remoteRow?: object | null;
  ageS?: number;
}

/** As the database that decided would have written it. The local version is `times[0]`. */
async function remember(
  database: TestDatabase,
  row: Remembered,
  times = ['2026-01-01 00:00:00.000001', '2026-01-01 00:00:00.000002'],
): Promise<number> {
  const image = (value: object | null | undefined) => (value ? JSON.stringify(value) : null);
  const [{ id } = {}] = await database.query(
    `insert into replicator.conflicts (decided_at, sync, source, relation, table_schema, table_name,
       key, conflict_type, resolution, rule, local_database, local_commit_time, remote_commit_time,
       local_row, remote_row)
     values (clock_timestamp() - $1::int * interval '1 s', 'app', $2,
       pg_catalog.format('public.%I', $3::text)::regclass, 'public', $3, $4,
       'update_origin_differs', $5, 'newer', $6, $7, $8, $9, $10) returning id`,
    [
      row.ageS ?? 0,
      row.source ?? 'a',
      row.table ?? 't',
      JSON.stringify(row.key ?? { id: '1' }),
      row.resolution ?? 'keep_local',
      row.local ?? 'b',
      ...times.map((time) => `${time}+00`),
      image(row.localRow),
      image(row.remoteRow),
    ],
  );
  return Number(id);
}

async function list(...args: string[]) {
  const run = await runCli(['conflicts', '-c', config, '--json', ...args]);
  const { conflicts } = JSON.parse(run.stdout);
  return { ...run, conflicts: conflicts as ConflictRow[] };
}

const idsOf = (conflicts: readonly Pick<ConflictRow, 'id'>[]) => conflicts.map(({ id }) => id);

test('all that the databases remember, newest last', async () => {
  expect(await runCli(['conflicts', '-c', config])).toMatchObject({
    code: 0,
    stdout: '',
    stderr: 'no conflicts\n',
  });
  await remember(b, { ageS: 4_000, remoteRow: { id: '1', v: 'lost' } });
  await remember(b, { ageS: 10, table: 'Other' });
  await remember(a, { ageS: 100, source: 'b', local: 'a', resolution: 'apply_remote' });
  const all = await list();
  expect(all.code).toBe(0);
  expect(idsOf(all.conflicts)).toEqual(['b:1', 'a:1', 'b:2']);
  expect(all.conflicts[0]).toEqual({
    id: 'b:1',
    database: 'b',
    decidedAt: expect.stringMatching(/^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00$/),
    sync: 'app',
    source: 'a',
    table: 'public.t',
    key: { id: '1' },
    type: 'update_origin_differs',
    resolution: 'keep_local',
    rule: 'newer',
    localDatabase: 'b',
    localCommitTime: '2026-01-01 00:00:00.000001+00',
    remoteCommitTime: '2026-01-01 00:00:00.000002+00',
    localRow: null,
    remoteRow: { id: '1', v: 'lost' },
    decision: null,
    decisionAt: null,
  });
  expect(idsOf((await list('--since', '1h')).conflicts)).toEqual(['a:1', 'b:2']);
  expect(idsOf((await list('--table', 'public.t')).conflicts)).toEqual(['b:1', 'a:1']);
  expect(idsOf((await list('--table', 'public."O"*', '--since', '1min')).conflicts)).toEqual([
    'b:2',
  ]);
  const { stdout } = await runCli(['conflicts', '-c', config]);
  const lines = stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/^TIME +ID +TABLE +KEY +TYPE +RESOLUTION +RULE +LOCAL +REMOTE$/);
  expect(lines[3]).toMatch(
    / b:2 +public\."Other" +\{"id":"1"\} +update_origin_differs +keep_local /,
  );
});

test('a database that does not answer is said, and hides nothing of the others', async () => {
  await remember(b, {});
  const nobody = await freePort();
  const path = writeSyncFile({ a: source(a, nobody), b: source(b) });
  const listed = await runCli(['conflicts', '-c', path, '--json']);
  expect(listed.code).toBe(69);
  const { conflicts, databases } = JSON.parse(listed.stdout);
  expect(idsOf(conflicts)).toEqual(['b:1']);
  expect(databases).toEqual([
    { database: 'a', reachable: false, error: expect.stringContaining('a (') },
    { database: 'b', reachable: true, error: null },
  ]);
  const shown = await runCli(['conflicts', '-c', path]);
  expect(shown.code).toBe(69);
  expect(shown.stdout).toContain('b:1');
  expect(shown.stderr).toContain('conflicts of a are not shown');
});

test('wrong words are refused before anything is done', async () => {
  await remember(b, {});
  const told = async (...args: string[]) => {
    const { code, stderr } = await runCli(['conflicts', '-c', config, ...args]);
    expect(code, args.join(' ')).toBe(64);
    return stderr.split('\n')[0];
  };
  expect(await told('resolv')).toBe(
    'replicator: conflicts "resolv": choose resolve, or nothing for the list',
  );
  expect(await told('--since', 'soon')).toBe(
    'replicator: --since "soon": must be a whole number with a unit, such as 10s or 500ms',
  );
  expect(await told('--table', 't')).toBe(
    'replicator: --table "t": must name the schema too, as in public.orders',
  );
  expect(await told('--take', 'local')).toBe('replicator: --take: is for resolve');
  expect(await told('resolve', '7', '--take', 'local')).toBe(
    'replicator: conflicts resolve: name it by its id, such as tokyo:17',
  );
  expect(await told('resolve', 'b:1')).toBe(
    'replicator: conflicts resolve: --take local or --take remote',
  );
  expect(await told('resolve', 'x:1', '--take', 'local')).toBe(
    'replicator: unknown database "x" (known: a, b)',
  );
  expect(await told('resolve', 'b:1', '--take', 'local')).toBe(
    'replicator: b:1 is no conflict that waits',
  );
  expect(await told('resolve', 'b:9', '--take', 'remote')).toBe(
    'replicator: b:9 is no conflict that waits',
  );
});

const take = (id: string, which: 'local' | 'remote') =>
  runCli(['conflicts', 'resolve', id, '--take', which, '-c', config]);

test('the chosen row is written on all databases', async () => {
  const replicator = startReplicator(config);
  await a.query(`insert into t select n, 'here', 1.50 from generate_series(1, 6) n`);
  await waitForAll(config);
  // only on a: what has an origin is not replicated
  await a.query(`select pg_replication_origin_create('elsewhere')`);
  await a.query(`select pg_replication_origin_session_setup('elsewhere');
    insert into t values (7, 'only on a', null)`);
  await a.query(`select pg_replication_origin_drop('elsewhere')`);
  const here = (id: number) => ({ id: String(id), v: 'here', n: '1.50' });
  const there = (id: number) => ({ id: String(id), v: "it's there", n: null });
  const waits = (id: number, localRow: object | null, remoteRow: object | null) =>
    remember(b, { key: { id: String(id) }, resolution: 'error', localRow, remoteRow });
  await waits(1, here(1), there(1));
  await waits(2, here(2), there(2));
  await waits(3, here(3), null);
  await waits(4, here(4), null);
  await waits(5, { ...here(5), v: 'before' }, there(5));
  await waits(7, null, there(7));
  await waits(8, null, there(8));

  const { code, stdout } = await runCli(['conflicts', '-c', config]);
  expect(code).toBe(1);
  expect(stdout).toContain('b:1 waits: a:b stopped at public.t {"id":"1"}');
  expect(stdout).toContain(
    `remote  a 2026-01-01 00:00:00.000002+00  {"n":null,"v":"it's there","id":"1"}`,
  );
  expect(stdout).toContain('  replicator conflicts resolve b:1 --take local|remote\n');

  const [before] = await b.query('select xmin::text as xmin from t where id = 2');
  expect(await take('b:1', 'remote')).toMatchObject({
    code: 0,
    stdout: 'b:1: the remote row of public.t {"id":"1"} stays\n',
  });
  expect(await take('b:2', 'local')).toMatchObject({ code: 0 });
  expect(await take('b:3', 'remote')).toMatchObject({ code: 0 });
  expect(await take('b:4', 'local')).toMatchObject({ code: 0 });
  const changed = await take('b:5', 'remote');
  expect(changed).toMatchObject({ code: 1, stdout: '' });
  expect(changed.stderr).toContain('b:5: the row has changed since, nothing was written');
  expect(await take('b:6', 'local')).toMatchObject({ code: 0 });
  expect(await take('b:7', 'remote')).toMatchObject({ code: 0 });

  await waitForAll(config);
  for (const database of [a, b])
    expect(await database.query('select id::text, v, n::text from t order by 1')).toEqual([
      there(1),
      here(2),
      here(4),
      here(5),
      here(6),
      there(8),
    ]);
  // written anew, although it is as it was
  const [after] = await b.query('select xmin::text as xmin from t where id = 2');
  expect(after).not.toEqual(before);
  const { conflicts } = await list();
  expect(conflicts.map(({ decision }) => decision).sort()).toEqual(
    ['remote', 'local', 'remote', 'local', 'local', 'remote'].sort(),
  );
  await stopCleanly(replicator);
});

test('nothing is decided in a copy: the tables that it knows by oid are others there', async () => {
  await remember(b, { resolution: 'error', remoteRow: { id: '1', v: 'there', n: null } });
  const madeFor = (identifier: string) =>
    b.query(`update replicator.installation set system_identifier = ${identifier}`);
  await madeFor(`'-' || system_identifier`);
  const { code, stderr } = await take('b:1', 'remote');
  await madeFor('substr(system_identifier, 2)');
  expect(code).toBe(78);
  expect(stderr).toContain('b: schema replicator here was made for another cluster or database');
  expect(await b.query('select from t')).toEqual([]);
});

test('another database that stopped between the same two rows goes on too', async () => {
  const replicator = startReplicator(config);
  await waitForAll(config);
  await stopCleanly(replicator);
  await b.query(`insert into t values (1, 'of b', 1)`);
  await a.query(`insert into t values (1, 'of a', 1)`);
  const ofA = { id: '1', v: 'of a', n: '1' };
  const ofB = { id: '1', v: 'of b', n: '1' };
  const times = ['2026-01-01 00:00:01', '2026-01-01 00:00:02'];
  const error = { resolution: 'error' } as const;
  await remember(b, { ...error, localRow: ofB, remoteRow: ofA }, times);
  await remember(
    a,
    { ...error, source: 'b', local: 'a', localRow: ofA, remoteRow: ofB },
    times.toReversed(),
  );
  // another one of that row
  await remember(a, { ...error, source: 'b', local: 'a', localRow: ofA, remoteRow: ofB }, times);
  expect(await take('b:1', 'remote')).toMatchObject({ code: 0 });
  const { conflicts } = await list();
  expect(Object.fromEntries(conflicts.map(({ id, decision }) => [id, decision]))).toEqual({
    'b:1': 'remote',
    'a:1': 'local',
    'a:2': null,
  });
});
