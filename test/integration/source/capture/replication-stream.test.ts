// What arrives in one read of the socket, handed on or not. The server is only a script of bytes.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { DatabaseConfig } from '../../../../src/config/config.ts';
import { ReplicationStream } from '../../../../src/source/capture/replication-stream.ts';
import { databaseConfig } from '../../../support/database-config.ts';

let server: Server | undefined;
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
});

function message(tag: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(tag, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const int32 = (value: number) => Buffer.from([0, 0, 0, value]);
const ready = message('Z', Buffer.from('I'));
const copyBoth = message('W', Buffer.from([0, 0, 0]));

/** A result of one row, every column as text. */
function row(values: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(values);
  const count = Buffer.from([0, entries.length]);
  const columns = entries.map(([name]) =>
    Buffer.concat([Buffer.from(`${name}\0`), Buffer.alloc(6), int32(25), Buffer.alloc(8)]),
  );
  const fields = entries.map(([, value]) =>
    Buffer.concat([int32(value.length), Buffer.from(value)]),
  );
  return Buffer.concat([
    message('T', Buffer.concat([count, ...columns])),
    message('D', Buffer.concat([count, ...fields])),
    message('C', Buffer.from('SELECT 1\0')),
    ready,
  ]);
}

/** One XLogData message with this as its payload. */
function data(payload: string): Buffer {
  return message('d', Buffer.concat([Buffer.from('w'), Buffer.alloc(24), Buffer.from(payload)]));
}

const identity = { systemid: '7000000000000000001', timeline: '1', xlogpos: '0/1', dbname: 'd' };
const verified = { major: 18, systemIdentifier: identity.systemid, timeline: 1n };
const keepalive = message('d', Buffer.concat([Buffer.from('k'), Buffer.alloc(17)]));

/** A server that lets anybody in and answers START_REPLICATION with these bytes. */
async function serve(bytes: Buffer | 'nothing' | 'an end'): Promise<DatabaseConfig> {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(Buffer.concat([message('R', int32(0)), ready]));
      socket.on('data', (query) => {
        if (query.includes('START_REPLICATION')) {
          if (bytes === 'an end') socket.destroy();
          else if (bytes !== 'nothing') socket.write(Buffer.concat([copyBoth, bytes]));
        } else if (query.includes('IDENTIFY_SYSTEM')) socket.write(row(identity));
        else if (query[0] === 0x51)
          socket.write(Buffer.concat([message('C', Buffer.from('SELECT 0\0')), ready]));
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return databaseConfig({ url: `postgres://u@127.0.0.1:${port}/d` });
}

test('behind a message that failed nothing is handed on, though it was read with it', async () => {
  const seen: string[] = [];
  const database = await serve(
    Buffer.concat([data('first'), data('bad'), data('commit'), keepalive]),
  );
  const stream = await ReplicationStream.open(database, {
    slot: 's',
    publication: 'p',
    server: verified,
    onMessage: (bytes) => {
      seen.push(bytes.toString());
      if (bytes.toString() === 'bad') throw new Error('a value that is refused');
    },
    onKeepalive: () => seen.push('keepalive'),
  });
  if (!stream.ended.aborted) await once(stream.ended, 'abort');
  expect(seen).toEqual(['first', 'bad']);
  expect(stream.ended.reason).toMatchObject({ message: expect.stringContaining('refused') });
});

test.each([
  ['is lost', 'an end'],
  ['stays silent', 'nothing'],
] as const)('a connection that %s when the stream is asked for is an error', async (_, answer) => {
  const database = await serve(answer);
  const opening = ReplicationStream.open(
    { ...database, connectTimeoutMs: 500 },
    { slot: 's', publication: 'p', server: verified, onMessage: () => {}, onKeepalive: () => {} },
  );
  await expect(opening).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
});

test.each([
  ['cluster', { systemIdentifier: '7000000000000000002' }],
  ['timeline', { timeline: 2n }],
])('another %s than the one that was verified is not read', async (_, other) => {
  const database = await serve(data('first'));
  const seen: string[] = [];
  const opening = ReplicationStream.open(database, {
    slot: 's',
    publication: 'p',
    server: { ...verified, ...other },
    onMessage: (bytes) => seen.push(bytes.toString()),
    onKeepalive: () => {},
  });
  await expect(opening).rejects.toMatchObject({ code: 'SERVER_BUSY' });
  expect(seen).toEqual([]);
});
