// Servers that cannot take part as they are: told before anything is made on them, with the setting.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { fingerprint } from '../../support/fingerprint.ts';
import { type PostgresServer, startServer } from '../../support/postgres-server.ts';
import { createProxy } from '../../support/proxy.ts';
import {
  rowsOf,
  stopCleanly,
  tearDown,
  untilStreaming,
  waitForAll,
} from '../../support/replication.ts';
import { killReplicators, startReplicator } from '../../support/replicator-process.ts';
import { runAsServerUser } from '../../support/server-user.ts';
import { newest, sharedServer } from '../../support/servers-for-tests.ts';
import { type Member, source, target, writeSyncFile } from '../../support/sync-file.ts';
import { refused, told } from '../../support/told.ts';

// the one that is not right; the other side always is
let server: PostgresServer;
let odd: { url: string };
let sound: TestDatabase;

beforeAll(async () => {
  server = await startServer({ major: newest, name: 'server' });
  await server.query('postgres', 'create database odd');
  odd = { url: server.url('odd') };
  sound = await createDatabase(await sharedServer(newest), 'server sound');
  const createTable = 'create table t (id int primary key)';
  await sound.query(createTable);
  await server.query('odd', createTable);
});

afterEach(async () => {
  await killReplicators();
});

afterAll(async () => {
  await sound.drop();
  await server.remove();
});

const asSource = (more: Record<string, unknown> = {}): string =>
  writeSyncFile({ a: source(odd), b: target(sound) }, { sync: more });
const asTarget = (): string => writeSyncFile({ a: source(sound), b: target(odd) });

/** init, its dry run, check and run all say it, and nothing is made. */
async function expectRefusal(
  config: string,
  {
    code,
    line,
    hint,
    check,
    warnings = '0 warnings',
  }: { code: [string, number]; line: string; hint: string; check: string; warnings?: string },
): Promise<void> {
  const before = await inventory();
  const [name, exit] = code;
  const failure = { code: exit, stdout: [], stderr: [`replicator: ${line}`, `  ${name}: ${hint}`] };
  expect(await refused(['init', '-c', config])).toEqual(failure);
  expect(await refused(['init', '--dry-run', '-c', config])).toEqual(failure);
  const found = await told(['check', '-c', config]);
  expect(found).toMatchObject({ code: 1, stderr: [] });
  expect(found.stdout.slice(0, 2)).toEqual([`error  ${line}  (${check})`, `    ${hint}`]);
  expect(found.stdout.at(-1)).toMatch(new RegExp(`^1 error, ${warnings}, `));
  const replicator = startReplicator(config);
  const logged = await replicator.waitForLog((entry) => entry.code !== undefined);
  const level = exit === 75 ? 'warn' : 'error';
  expect(logged).toMatchObject({ level, code: name, hint, msg: line, subscription: 'a:b' });
  await stopCleanly(replicator);
  expect(await inventory()).toEqual(before);
}

const inventory = async (): Promise<unknown> => [
  await fingerprint(server, 'odd'),
  await fingerprint(sound.server, sound.name),
];

test('a source without wal_level logical; as a target it is right', async () => {
  await server.set('wal_level', 'replica');
  await server.restart();
  await expectRefusal(asSource(), {
    code: ['CONFIGURATION', 78],
    line: 'a: wal_level is replica, a source needs logical',
    hint: 'alter system set wal_level = logical; then restart the server',
    check: 'wal-level',
  });
  expect(await told(['check', '-c', asTarget()])).toMatchObject({ code: 0, stderr: [] });
  await server.set('wal_level', null);
  await server.restart();
});

test('no slot, no walsender and no origin left', async () => {
  const maxOrigins = newest >= 18 ? 'max_active_replication_origins' : 'max_replication_slots';
  await server.set(maxOrigins, '1');
  await server.set('max_replication_slots', '1');
  await server.set('max_wal_senders', '1');
  await server.restart();
  await server.query('postgres', `select pg_create_physical_replication_slot('taken')`);
  await server.query('postgres', `select pg_replication_origin_create('taken')`);
  const full = (what: string, setting: string) => ({
    code: ['CONFIGURATION', 78] as [string, number],
    line: `${what} needed, 0 free (${setting} = 1, 1 in use)`,
    hint: `alter system set ${setting} = 2; then restart the server`,
    check: 'capacity',
  });
  await expectRefusal(asSource(), {
    ...full('a: 1 more replication slots', 'max_replication_slots'),
    // a physical slot is a standby's, and ours would not be there after its promotion
    warnings: newest >= 17 ? '1 warning' : '0 warnings',
  });
  await expectRefusal(asTarget(), full('b: 1 more replication origins', maxOrigins));

  // a copy takes one more of each for a while
  await server.query('postgres', `select pg_drop_replication_slot('taken')`);
  const { code, stderr } = await refused(['init', '-c', asSource({ initial_copy: 'once' })]);
  const limit = (what: string, setting: string) =>
    `replicator: a: 2 more ${what} needed, 1 free (${setting} = 1, 0 in use): alter system set ${setting} = 2; then restart the server`;
  expect({ code, stderr }).toEqual({
    code: 78,
    stderr: [
      limit('replication slots', 'max_replication_slots'),
      limit('walsenders', 'max_wal_senders'),
    ],
  });
  await server.query('postgres', `select pg_replication_origin_drop('taken')`);
  for (const setting of [maxOrigins, 'max_replication_slots', 'max_wal_senders'])
    await server.set(setting, null);
  await server.restart();
});

test('a database that is read-only by default is written to all the same', async () => {
  const readOnly = 'default_transaction_read_only = on';
  await server.query('postgres', `alter database odd set ${readOnly}`);
  for (const config of [asSource(), asTarget()]) {
    expect(await told(['init', '-c', config])).toMatchObject({ code: 0, stderr: [] });
    await tearDown(config);
  }
  await server.query('postgres', 'alter database odd reset default_transaction_read_only');
});

test.each([
  ['120022', 'error  a: PostgreSQL 12 is too old, 13 to 18 are supported', 'upgrade the server'],
  [
    '170005',
    'warning  a: PostgreSQL 17.5 can lose changes while a table is altered or joins; 17.6 does not',
    'install the newest 17.x and restart the server',
  ],
  [
    '190000',
    'warning  a: PostgreSQL 19 is untested, 13 to 18 are supported',
    'look for a newer version of replicator',
  ],
])('a server that says it is %s', async (version, line, hint) => {
  const proxy = await createProxy(server.port);
  const [row] = await server.query('postgres', 'show server_version_num');
  const real = row?.['server_version_num'] ?? '';
  proxy.onServerData = (chunk) => {
    for (let at = chunk.indexOf(real); at >= 0; at = chunk.indexOf(real)) chunk.write(version, at);
    return undefined;
  };
  const config = writeSyncFile({ a: source(odd, proxy.port), b: target(sound) });
  const { code, stdout } = await told(['check', '-c', config]);
  expect(stdout.slice(0, 2)).toEqual([`${line}  (version)`, `    ${hint}`]);
  expect(code).toBe(1);
  if (version < '130000')
    expect(await refused(['init', '-c', config])).toEqual({
      code: 78,
      stdout: [],
      stderr: [
        'replicator: a: the server is PostgreSQL 12, at least 13 is needed',
        `  CONFIGURATION: ${hint}`,
      ],
    });
  await proxy.close();
});

test('a standby, until it is promoted', async () => {
  const standby = await startServer({ major: newest, name: 'standby' });
  await Promise.all([standby.stop(), server.stop()]);
  await rm(standby.dataDirectory, { recursive: true });
  await runAsServerUser('cp', ['-a', server.dataDirectory, standby.dataDirectory]);
  await runAsServerUser('touch', [join(standby.dataDirectory, 'standby.signal')]);
  await Promise.all([standby.start(), server.start()]);
  const copy = { url: standby.url('odd') };

  const refusal = (name: string) => ({
    code: ['READ_ONLY', 75] as [string, number],
    line: `${name}: is a standby and cannot be written to`,
    hint: `let databases.${name} point to the primary`,
    check: 'writable',
  });
  const fromStandby = writeSyncFile({ a: source(copy), b: target(sound) });
  await expectRefusal(fromStandby, refusal('a'));
  expect(await refused(['wait', '-c', fromStandby])).toMatchObject({
    code: 75,
    stderr: [
      'replicator: a: is a standby and cannot be written to',
      '  READ_ONLY: let databases.a point to the primary',
    ],
  });
  const besides: Record<string, Member> = { a: source(odd), b: target(copy) };
  await expectRefusal(writeSyncFile(besides), refusal('b'));

  const toStandby = writeSyncFile({ a: source(sound), b: target(copy) });
  const replicator = startReplicator(toStandby);
  await replicator.waitForLog(({ state }) => state === 'waiting');
  await standby.query('postgres', 'select pg_promote()');
  await untilStreaming(replicator, ['a:b']);
  await sound.query('insert into t values (1)');
  await waitForAll(toStandby);
  expect(await rowsOf({ query: (sql) => standby.query('odd', sql) }, 't')).toEqual(['(1)']);
  await stopCleanly(replicator);
  await tearDown(toStandby);
  await standby.remove();
});
