// What answers as no PostgreSQL server does, or not at all: every command ends in time and says so.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { fingerprint } from '../../support/fingerprint.ts';
import type { PostgresServer } from '../../support/postgres-server.ts';
import { createProxy } from '../../support/proxy.ts';
import { stopCleanly, tearDown, untilStreaming } from '../../support/replication.ts';
import { killReplicators, startReplicator } from '../../support/replicator-process.ts';
import { newest, sharedServer } from '../../support/servers-for-tests.ts';
import { refused, told } from '../../support/told.ts';
import { writePairFile } from '../scenarios/pair-file.ts';

let server: PostgresServer;
let a: TestDatabase;
let b: TestDatabase;
let before: unknown;

beforeAll(async () => {
  server = await sharedServer(newest);
  a = await createDatabase(server, 'unreachable a');
  b = await createDatabase(server, 'unreachable b');
  for (const database of [a, b]) await database.query('create table t (id int primary key)');
});

afterAll(async () => {
  await a.drop();
  await b.drop();
});

beforeEach(async () => {
  before = await fingerprint(server, a.name, b.name);
});

afterEach(async () => {
  await killReplicators();
  expect(await fingerprint(server, a.name, b.name)).toEqual(before);
});

const fileWith = (ofA: Record<string, unknown>, ofB: Record<string, unknown> = {}): string =>
  writePairFile({ port: server.port, a: a.name, b: b.name }, ofA, ofB);

const where = (port: number): string => `a (127.0.0.1:${port}/${a.name})`;
const isItUp = 'is the server up, and host, port and network right?';
const isItPostgres = 'is it PostgreSQL that listens there, and is it up?';

/** Hears a connection out and answers as it likes. */
async function listen(answer: (client: Socket) => void): Promise<Server & AsyncDisposable> {
  const listener = createServer((client) => {
    client.on('error', () => undefined);
    answer(client);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return listener;
}

const http = (client: Socket) =>
  client.once('data', () => client.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
const ssh = (client: Socket) => client.write('SSH-2.0-OpenSSH_9.2\r\n');
const hangUp = (client: Socket) => client.end();

test.each([
  ['a web server', http, {}, 'the connection was closed before it was ready', isItPostgres],
  [
    'a web server, with TLS',
    http,
    { sslmode: 'verify-full' },
    'the answer is not that of a PostgreSQL server',
    isItPostgres,
  ],
  ['an SSH server', ssh, {}, 'no answer within 300ms (connect_timeout)', isItUp],
  [
    'a server that hangs up',
    hangUp,
    {},
    'the connection was closed before it was ready',
    isItPostgres,
  ],
])('%s instead of PostgreSQL', async (_, answer, keys, line, hint) => {
  const listener = await listen(answer);
  const { port } = listener.address() as AddressInfo;
  const config = fileWith({ port, connect_timeout: '300ms', ...keys });
  expect(await refused(['init', '-c', config])).toEqual({
    code: 69,
    stdout: [],
    stderr: [`replicator: ${where(port)}: ${line}`, `  UNREACHABLE: ${hint}`],
  });
  listener.close();
});

test('a server that accepts and never answers, told by every command in time', async () => {
  const proxy = await createProxy(server.port);
  proxy.blackhole(true);
  const config = fileWith({ port: proxy.port, connect_timeout: '300ms' });
  const line = `${where(proxy.port)}: no answer within 300ms (connect_timeout)`;
  const failure = [`replicator: ${line}`, `  UNREACHABLE: ${isItUp}`];
  for (const command of ['init', 'wait', 'teardown'])
    expect(await refused([command, '-c', config])).toEqual({
      code: 69,
      stdout: [],
      stderr: failure,
    });
  expect(await told(['check', '-c', config])).toEqual({
    code: 69,
    stdout: [
      `error  ${line}  (reachable)`,
      `    ${isItUp}`,
      'notice  b: not set up yet  (installation)',
      '    run `replicator init`, or let `replicator run` do it',
      '1 error, 0 warnings, 1 notice',
    ],
    stderr: [],
  });
  expect(await told(['check', '--print-grants', '-c', config])).toEqual({
    code: 69,
    stdout: [],
    stderr: [`replicator: ${line}`],
  });
  expect(await told(['status', '-c', config])).toEqual({
    code: 1,
    stdout: [
      'SUBSCRIPTION  STATE    LAG  BEHIND  FLUSHED LSN  I/U/D  CONFLICTS  TABLES  LAST ERROR',
      'a:b           unknown  -    -       -            0/0/0  0          0       UNREACHABLE',
      `a:b: ${line}`,
      `  UNREACHABLE: ${isItUp}`,
      'database a is unreachable',
    ],
    stderr: [],
  });
  await proxy.close();
});

test('both databases wrong, each with its own line', async () => {
  const config = fileWith({ dbname: 'nope' }, { user: 'nobody_here' });
  const at = `127.0.0.1:${server.port}`;
  const first = `a (${at}/nope): database "nope" does not exist (SQLSTATE 3D000)`;
  const second = `b (${at}/${b.name}): role "nobody_here" does not exist (SQLSTATE 28000)`;
  const hint = `may the role log in, and does pg_hba.conf let it: host "${b.name}" "nobody_here" <address of this host> scram-sha-256`;
  expect(await refused(['wait', '-c', config])).toEqual({
    code: 78,
    stdout: [],
    stderr: [
      `replicator: ${first}: create the database or correct dbname`,
      `replicator: ${second}: ${hint}`,
    ],
  });
  expect(await told(['check', '-c', config])).toEqual({
    code: 77,
    stdout: [
      `error  ${first}  (reachable)`,
      '    create the database or correct dbname',
      `error  ${second}  (reachable)`,
      `    ${hint}`,
      '2 errors, 0 warnings, 0 notices',
    ],
    stderr: [],
  });
});

test('status names what is wrong, not only that something is', async () => {
  const config = fileWith({ dbname: 'nope' });
  const { code, stdout } = await told(['status', '--json', '-c', config]);
  expect(code).toBe(1);
  expect(JSON.parse(stdout.join('\n'))).toMatchObject({
    healthy: false,
    subscriptions: [{ state: 'unknown', lastError: { code: 'DATABASE_MISSING' } }],
    databases: [
      { database: 'a', reachable: false },
      { database: 'b', reachable: true, error: null },
    ],
  });
});

test('run waits for a server that is away, and goes on by itself', async () => {
  const proxy = await createProxy(server.port);
  await proxy.refuse(true);
  const config = fileWith({ port: proxy.port });
  const replicator = startReplicator(config);
  expect(await replicator.waitForLog(({ code }) => code !== undefined)).toMatchObject({
    level: 'warn',
    subscription: 'a:b',
    code: 'UNREACHABLE',
    hint: isItUp,
    msg: `${where(proxy.port)}: connect ECONNREFUSED 127.0.0.1:${proxy.port}`,
  });
  await replicator.waitForLog(({ state }) => state === 'waiting');
  await proxy.refuse(false);
  await untilStreaming(replicator, ['a:b']);
  await stopCleanly(replicator);
  await tearDown(config);
  await proxy.close();
});
