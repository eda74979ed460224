// TLS that proves nothing is refused: which certificate or file is at fault, and nothing is sent.
import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Certificate, createAuthority, issue } from '../../support/certificates.ts';
import { fingerprint } from '../../support/fingerprint.ts';
import { type PostgresServer, startServer } from '../../support/postgres-server.ts';
import { serverUser } from '../../support/server-user.ts';
import { newest } from '../../support/servers-for-tests.ts';
import { createTemporaryFolder } from '../../support/temporary-folder.ts';
import { refused, told } from '../../support/told.ts';
import { writePairFile } from '../scenarios/pair-file.ts';

const folder = createTemporaryFolder('tls').path;
const ours = createAuthority('an authority of ours');
const another = createAuthority('another authority');
const good = issue(ours, { host: 'localhost' });
const client = issue(ours, { host: 'client' });
let server: PostgresServer;
let before: unknown;

beforeAll(async () => {
  server = await startServer({ major: newest, name: 'tls' });
  for (const name of ['a', 'b']) {
    await server.query('postgres', `create database ${name}`);
    await server.query(name, 'create table t (id int primary key)');
  }
  const files = {
    'ours.pem': ours.certificate,
    'another.pem': another.certificate,
    'client.pem': client.certificate,
    'client.key': client.key,
    'another.key': issue(another, { host: 'client' }).key,
    'text.pem': 'nothing of that kind\n',
    'empty.pem': '',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(file(name), text);
  before = await fingerprint(server, 'a', 'b');
});

afterAll(async () => {
  await server.remove();
});

const file = (name: string): string => join(folder, name);

/** With verify-full and our authority, unless the keys say otherwise. */
const fileWith = (keys: Record<string, unknown> = {}): string =>
  writePairFile(
    { port: server.port, a: 'a', b: 'b' },
    { host: 'localhost', sslrootcert: file('ours.pem'), ...keys },
  );

async function serveWith({ certificate, key }: Certificate): Promise<void> {
  const user = serverUser();
  for (const [name, text] of Object.entries({ 'server.crt': certificate, 'server.key': key })) {
    const path = join(server.dataDirectory, name);
    await writeFile(path, text, { mode: 0o600 });
    if (user) await chown(path, user.uid, user.gid);
  }
  await server.set('ssl', 'off');
  await server.set('ssl', 'on');
}

async function expectRefusal(
  keys: Record<string, unknown>,
  line: string,
  code: string,
  hint: string,
): Promise<void> {
  const { host } = { host: 'localhost', ...keys };
  const where = code === 'TLS' ? `a (${host}:${server.port}/a): ` : '';
  expect(await refused(['init', '-c', fileWith(keys)])).toEqual({
    code: 78,
    stdout: [],
    stderr: [`replicator: ${where}${line}`, `  ${code}: ${hint}`],
  });
  expect(await fingerprint(server, 'a', 'b')).toEqual(before);
}

const setAuthority = 'set sslrootcert to the file with the certificate of its authority';
const otherName =
  'connect by a name in the certificate, or check only its authority with sslmode: verify-ca';

test('a server without TLS', async () => {
  await server.set('ssl', 'off');
  await expectRefusal(
    {},
    'the server has no TLS, which sslmode demands',
    'TLS',
    'set ssl = on at the server; sslmode: disable sends everything readable',
  );
});

test('an unknown authority, and none at all', async () => {
  await serveWith(good);
  const line = 'the certificate of the server was not issued by an authority';
  await expectRefusal(
    { sslrootcert: file('another.pem') },
    `${line} of ${folder}/another.pem`,
    'TLS',
    setAuthority,
  );
  const keys = { sslmode: 'verify-full', sslrootcert: undefined };
  await expectRefusal(keys, `${line} that Node.js trusts`, 'TLS', setAuthority);
  await expectRefusal(
    { sslmode: 'verify-ca', sslrootcert: file('another.pem') },
    `${line} of ${folder}/another.pem`,
    'TLS',
    setAuthority,
  );
});

test('a certificate for another name', async () => {
  await serveWith(good);
  const line = 'the certificate of the server is for DNS:';
  await expectRefusal(
    { host: '127.0.0.1' },
    `${line}localhost, not for 127.0.0.1`,
    'TLS',
    otherName,
  );
  await serveWith(issue(ours, { host: 'db.example' }));
  await expectRefusal({}, `${line}db.example, not for localhost`, 'TLS', otherName);
  expect(await told(['check', '-c', fileWith({ sslmode: 'verify-ca' })])).toMatchObject({
    code: 0,
  });
});

test('a certificate that has expired', async () => {
  await serveWith(issue(ours, { host: 'localhost', validUntil: new Date(Date.now() - 60_000) }));
  await expectRefusal(
    {},
    'the certificate of the server, or of its authority, has expired',
    'TLS',
    'renew it',
  );
});

const mounted = 'is the file mounted, and ours to read?';
const rightFile = (key: string) => `name the right file as databases.a.${key}`;

test.each([
  [{ sslrootcert: 'nope.pem' }, 'sslrootcert', 'no such file', mounted],
  [{ sslrootcert: '.' }, 'sslrootcert', 'is a directory, not a file', mounted],
  [{ sslrootcert: 'empty.pem' }, 'sslrootcert', 'does not hold a certificate in PEM format'],
  [{ sslcert: 'nope.pem', sslkey: 'client.key' }, 'sslcert', 'no such file', mounted],
  [
    { sslcert: 'text.pem', sslkey: 'client.key' },
    'sslcert',
    'does not hold a certificate in PEM format',
  ],
  [
    { sslcert: 'client.pem', sslkey: 'text.pem' },
    'sslkey',
    'does not hold a private key without passphrase in PEM format',
  ],
  [{ sslcert: 'client.pem', sslkey: 'another.key' }, 'sslkey', 'is not the key of sslcert'],
])('%o', async (names, key, what, hint = rightFile(key)) => {
  const paths = Object.entries(names).map(([name, value]) => [name, join(folder, value)]);
  const keys: Record<string, string> = Object.fromEntries(paths);
  await expectRefusal(keys, `${key} ${keys[key]} of a: ${what}`, 'CONFIGURATION', hint);
});

test('what is right is let in', async () => {
  await serveWith(good);
  const keys = { sslcert: file('client.pem'), sslkey: file('client.key') };
  expect(await told(['check', '-c', fileWith(keys)])).toMatchObject({ code: 0, stderr: [] });
  expect(await fingerprint(server, 'a', 'b')).toEqual(before);
});
