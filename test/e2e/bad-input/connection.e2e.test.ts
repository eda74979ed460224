// Databases that refuse the connection: which, why, and what mends it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { fingerprint } from '../../support/fingerprint.ts';
import { prependToHba } from '../../support/pg-hba.ts';
import { type PostgresServer, startServer } from '../../support/postgres-server.ts';
import { stopCleanly } from '../../support/replication.ts';
import { killReplicators, startReplicator } from '../../support/replicator-process.ts';
import { middle } from '../../support/servers-for-tests.ts';
import { createTemporaryFolder } from '../../support/temporary-folder.ts';
import { refused, told } from '../../support/told.ts';
import { writePairFile } from '../scenarios/pair-file.ts';

const folder = createTemporaryFolder('connection').path;
const secret = 'hunter2 is not it';
let server: PostgresServer;
let before: unknown;

beforeAll(async () => {
  server = await startServer({ major: middle, name: 'connection' });
  for (const name of ['a', 'b', 'closed', 'private']) {
    await server.query('postgres', `create database ${name}`);
    await server.query(name, 'create table t (id int primary key)');
  }
  await server.query(
    'postgres',
    `alter database closed allow_connections false;
     revoke connect on database private from public;
     create role asked login password 'the right one';
     create role full_up login connection limit 0;
     create role rejected login; create role no_login; create role plain login`,
  );
  await prependToHba(server, ['host all asked all scram-sha-256', 'host all rejected all reject']);
});

afterAll(async () => {
  await server.remove();
});

beforeEach(async () => {
  before = await fingerprint(server, 'a', 'b');
});

afterEach(async () => {
  await killReplicators();
  expect(await fingerprint(server, 'a', 'b')).toEqual(before);
});

const fileWith = (keys: Record<string, unknown>): string =>
  writePairFile({ port: server.port, a: 'a', b: 'b' }, keys);

interface Refusal {
  what: string;
  keys: Record<string, unknown>;
  /** What follows `a (host:port/dbname): `; the whole line when it does not begin so. */
  line: string;
  code: [string, exit: number];
  hint: string;
}

const isItUp = 'is the server up, and host, port and network right?';
const mayRole = (role: string) =>
  `may the role log in, and does pg_hba.conf let it: host "a" "${role}" <address of this host> scram-sha-256`;

writeFileSync(join(folder, 'wrong'), `${secret}\n`, { mode: 0o600 });
writeFileSync(join(folder, 'open'), secret, { mode: 0o644 });
writeFileSync(join(folder, 'empty'), '\n', { mode: 0o600 });

const refusals: Refusal[] = [
  {
    what: 'an unknown host',
    keys: { host: 'no-such-host.invalid', sslmode: 'disable' },
    line: 'getaddrinfo ENOTFOUND no-such-host.invalid',
    code: ['UNREACHABLE', 69],
    hint: isItUp,
  },
  {
    what: 'a port where nobody listens',
    keys: { port: 1 },
    line: 'connect ECONNREFUSED 127.0.0.1:1',
    code: ['UNREACHABLE', 69],
    hint: isItUp,
  },
  {
    what: 'a socket folder that is not there',
    keys: { host: '/no/such/folder', port: 1 },
    line: 'connect ENOENT /no/such/folder/.s.PGSQL.1',
    code: ['UNREACHABLE', 69],
    hint: isItUp,
  },
  {
    what: 'a database that is not there',
    keys: { dbname: 'nope' },
    line: 'database "nope" does not exist (SQLSTATE 3D000)',
    code: ['DATABASE_MISSING', 78],
    hint: 'create the database or correct dbname',
  },
  {
    what: 'a database that is closed',
    keys: { dbname: 'closed' },
    line: 'database "closed" is not currently accepting connections (SQLSTATE 55000)',
    code: ['DATABASE_MISSING', 78],
    hint: 'alter database "closed" allow_connections true',
  },
  {
    what: 'a database that the role may not connect to',
    keys: { dbname: 'private', user: 'plain' },
    line: 'permission denied for database "private" (SQLSTATE 42501)',
    code: ['PRIVILEGE', 77],
    hint: 'grant connect on database "private" to "plain"',
  },
  {
    what: 'a role that is not there',
    keys: { user: 'nope' },
    line: 'role "nope" does not exist (SQLSTATE 28000)',
    code: ['AUTHENTICATION', 77],
    hint: mayRole('nope'),
  },
  {
    what: 'a role that may not log in',
    keys: { user: 'no_login' },
    line: 'role "no_login" is not permitted to log in (SQLSTATE 28000)',
    code: ['AUTHENTICATION', 77],
    hint: mayRole('no_login'),
  },
  {
    what: 'a role that pg_hba.conf rejects',
    keys: { user: 'rejected' },
    line: 'pg_hba.conf rejects connection for host "127.0.0.1", user "rejected", database "a", no encryption (SQLSTATE 28000)',
    code: ['AUTHENTICATION', 77],
    hint: mayRole('rejected'),
  },
  {
    what: 'a role without connections left',
    keys: { user: 'full_up' },
    line: 'too many connections for role "full_up" (SQLSTATE 53300)',
    code: ['TOO_MANY_CONNECTIONS', 69],
    hint: 'raise max_connections, or max_wal_senders, or close idle sessions',
  },
  {
    what: 'a wrong password',
    keys: { user: 'asked', password: secret },
    line: 'password authentication failed for user "asked" (SQLSTATE 28P01)',
    code: ['AUTHENTICATION', 77],
    hint: 'check user, password and pg_hba.conf',
  },
  {
    what: 'a wrong password in a file',
    keys: { user: 'asked', password_file: join(folder, 'wrong') },
    line: 'password authentication failed for user "asked" (SQLSTATE 28P01)',
    code: ['AUTHENTICATION', 77],
    hint: 'check user, password and pg_hba.conf',
  },
  {
    what: 'no password',
    keys: { user: 'asked' },
    line: 'replicator: a: the server asks for a password and none is configured',
    code: ['AUTHENTICATION', 77],
    hint: 'set databases.a.password_file, password or a .pgpass entry',
  },
  {
    what: 'a password_file that is not there',
    keys: { user: 'asked', password_file: join(folder, 'nope') },
    line: `replicator: password_file ${folder}/nope of a: no such file`,
    code: ['CONFIGURATION', 78],
    hint: 'is the file mounted, and ours to read?',
  },
  {
    what: 'a password_file that is a folder',
    keys: { user: 'asked', password_file: folder },
    line: `replicator: password_file ${folder} of a: is a directory, not a file`,
    code: ['CONFIGURATION', 78],
    hint: 'is the file mounted, and ours to read?',
  },
  {
    what: 'a password_file that everyone may read',
    keys: { user: 'asked', password_file: join(folder, 'open') },
    line: `replicator: password_file ${folder}/open of a: readable by everyone (mode 0644)`,
    code: ['CONFIGURATION', 78],
    hint: 'chmod o-rwx the file; in Kubernetes set defaultMode: 0440 for the volume',
  },
  {
    what: 'a password_file that is empty',
    keys: { user: 'asked', password_file: join(folder, 'empty') },
    line: `replicator: password_file ${folder}/empty of a: is empty`,
    code: ['CONFIGURATION', 78],
    hint: 'write the password into the file',
  },
];

test.each(refusals)('$what', async ({ keys, line, code: [code, exit], hint }) => {
  // another program's settings
  const env = { PGPASSWORD: 'the right one', PGSSLNEGOTIATION: 'direct', PGSSLMODE: 'require' };
  const { host, port, dbname } = { host: '127.0.0.1', port: server.port, dbname: 'a', ...keys };
  const { code: ended, stderr } = await refused(['init', '-c', fileWith(keys)], { env });
  expect(stderr).toEqual([
    line.startsWith('replicator: ') ? line : `replicator: a (${host}:${port}/${dbname}): ${line}`,
    `  ${code}: ${hint}`,
  ]);
  expect(ended).toBe(exit);
  expect(stderr.join()).not.toContain(secret);
});

test.each([
  ['a port where nobody listens', { port: 1 }, 'is unreachable'],
  ['a role without connections left', { user: 'full_up' }, 'is unreachable'],
  ['a database that is not there', { dbname: 'nope' }, 'does not tell'],
  ['a wrong password', { user: 'asked', password: secret }, 'does not tell'],
])('status does not call unreachable what is not: %s', async (what, keys, verdict) => {
  const { port, dbname } = { port: server.port, dbname: 'a', ...keys };
  const line = refusals.find((each) => each.what === what)?.line;
  const why = verdict === 'is unreachable' ? '' : `: a (127.0.0.1:${port}/${dbname}): ${line}`;
  const { code, stdout } = await told(['status', '-c', fileWith(keys)]);
  expect(stdout).toContain(`database a ${verdict}${why}`);
  expect(code).toBe(1);
});

test('run says what a person must mend, once', async () => {
  const replicator = startReplicator(fileWith({ user: 'asked', password: secret }));
  const line = await replicator.waitForLog(({ code }) => code !== undefined);
  expect(line).toMatchObject({
    level: 'error',
    code: 'AUTHENTICATION',
    sqlstate: '28P01',
    hint: 'check user, password and pg_hba.conf',
  });
  await replicator.waitForLog(({ state }) => state === 'failed');
  await stopCleanly(replicator);
  expect(replicator.logs.filter(({ code }) => code !== undefined)).toHaveLength(1);
  expect(JSON.stringify(replicator.logs) + replicator.stderr).not.toContain(secret);
});
