// Why a connection could not be made, from what the driver says of it.
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import type { DatabaseConfig } from '../../../src/config/config.ts';
import { connectError } from '../../../src/postgres/connect-error.ts';
import { Session } from '../../../src/postgres/session.ts';
import { fromPostgres } from '../../../src/postgres/sqlstate.ts';
import { databaseConfig } from '../../support/database-config.ts';

const database: DatabaseConfig = databaseConfig({ url: 'postgres://u@host:5432/d' });
const where = 'b (host:5432/d): ';
const closed = 'the connection was closed before it was ready';

const failed = (message: string, code?: string): Error =>
  Object.assign(new Error(message), code === undefined ? {} : { code });

test.each([
  ['getaddrinfo EAI_AGAIN host', 'EAI_AGAIN', 'UNREACHABLE'],
  ['getaddrinfo ENOTFOUND host', 'ENOTFOUND', 'UNREACHABLE'],
  ['unsuitable certificate purpose', 'INVALID_PURPOSE', 'TLS'],
  ['invalid CA certificate', 'INVALID_CA', 'TLS'],
  ['path length constraint exceeded', 'PATH_LENGTH_EXCEEDED', 'TLS'],
  ['Query values must be an array', undefined, 'UNREACHABLE'],
])('%s: is kept', (message, code, expected) => {
  expect(connectError(failed(message, code), database)).toMatchObject({
    code: expected,
    message: `${where}${message}`,
  });
});

test.each([
  'SASL: Only mechanism(s) SCRAM-SHA-256 are supported',
  'Unknown authenticationOk message type 7',
])('a way of authentication that the driver does not know: %s', (said) => {
  const expected = {
    code: 'AUTHENTICATION',
    message: `${where}authentication failed: ${said}`,
  };
  expect(connectError(failed(said), database)).toMatchObject(expected);
  const ofStream = fromPostgres(failed(said), 'b (walsender)');
  expect(connectError(ofStream, database)).toMatchObject(expected);
});

test.each([
  ['Connection terminated unexpectedly', undefined],
  ['connection closed', undefined],
  ['read ECONNRESET', 'ECONNRESET'],
  ['Client network socket disconnected before secure TLS connection was established', 'ECONNRESET'],
])('a server that hangs up: %s', (message, code) => {
  expect(connectError(failed(message, code), database)).toMatchObject({
    code: 'UNREACHABLE',
    message: `${where}${closed}`,
  });
});

test('a server that does not answer', () => {
  expect(connectError(failed('timeout expired'), database)).toMatchObject({
    code: 'UNREACHABLE',
    message: `${where}no answer within 10s (connect_timeout)`,
  });
});

test('a demand for GSSAPI refuses the connection, and does not end the process', async () => {
  const demand = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 7]);
  const listener = createServer((client) => {
    client.on('error', () => undefined);
    client.once('data', () => client.write(demand));
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  const connected = Session.connect(
    { ...database, host: '127.0.0.1', port, connectTimeoutMs: 2_000 },
    { purpose: 'status', name: 'b' },
  );
  await expect(connected).rejects.toMatchObject({ code: 'AUTHENTICATION' });
  listener.close();
});
