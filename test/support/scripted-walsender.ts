// A server that lets anybody in and answers START_REPLICATION with whatever a test wants: what a real
// one sends only when it is lucky, or never.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import type { DatabaseConfig } from '../../src/config/config.ts';
import { createAuthority, issue } from './certificates.ts';
import { databaseConfig } from './database-config.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

export interface Script {
  /** Called when the stream is asked for; it has begun already unless `unanswered`. */
  readonly answer: (connection: Socket) => void;
  readonly unanswered?: boolean;
  readonly tls?: boolean;
  /** Sent behind the answer to the query before. */
  readonly early?: Buffer;
}

export interface ScriptedWalsender extends AsyncDisposable {
  readonly database: DatabaseConfig;
  /** The server that it says it is. */
  readonly facts: {
    readonly major: number;
    readonly systemIdentifier: string;
    readonly timeline: bigint;
  };
  /** What arrived since the stream was asked for. */
  received(): Buffer;
}

const identity = { systemid: '7000000000000000001', timeline: '1', xlogpos: '0/1', dbname: 'd' };
const sslRequest = 80_877_103;

export async function scriptedWalsender(script: Script): Promise<ScriptedWalsender> {
  const sockets: Socket[] = [];
  let received: Buffer[] | undefined;
  const protection = script.tls === true ? protect() : undefined;
  const talk = (connection: Socket) => {
    connection.on('error', () => {});
    connection.once('data', () => {
      connection.write(Buffer.concat([message('R', int32(0)), ready]));
      connection.on('data', (query: Buffer) => {
        if (received !== undefined) received.push(query);
        else if (query.includes('START_REPLICATION')) {
          received = [];
          if (script.unanswered !== true) connection.write(message('W', Buffer.alloc(3)));
          script.answer(connection);
        } else if (query.includes('IDENTIFY_SYSTEM'))
          connection.write(Buffer.concat([row(identity), script.early ?? Buffer.alloc(0)]));
        else if (query[0] === 0x51) connection.write(Buffer.concat([done('SELECT 0'), ready]));
      });
    });
  };
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    if (protection === undefined) return talk(socket);
    socket.once('data', (request: Buffer) => {
      if (request.readInt32BE(4) !== sslRequest) throw new Error('no TLS was asked for');
      socket.write('S');
      talk(new TLSSocket(socket, { isServer: true, ...protection.server }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    database: databaseConfig({ url: `postgres://u@127.0.0.1:${port}/d` }, protection?.client ?? {}),
    facts: { major: 18, systemIdentifier: identity.systemid, timeline: 1n },
    received: () => Buffer.concat(received ?? []),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function protect() {
  const authority = createAuthority('of a script');
  const { certificate, key } = issue(authority, { host: 'localhost' });
  const sslrootcert = join(createTemporaryFolder('scripted').path, 'root.pem');
  writeFileSync(sslrootcert, authority.certificate);
  const client: Partial<DatabaseConfig> = { sslmode: 'verify-ca', sslrootcert };
  return { server: { cert: certificate, key }, client };
}

export function message(tag: string, body: Buffer | string): Buffer {
  const head = Buffer.alloc(5);
  head.write(tag, 'latin1');
  head.writeInt32BE(Buffer.byteLength(body) + 4, 1);
  return Buffer.concat([head, Buffer.from(body)]);
}

/** One XLogData message with this as its content. */
export function data(content: string): Buffer {
  return message('d', Buffer.concat([Buffer.from('w'), Buffer.alloc(24), Buffer.from(content)]));
}

export function keepalive(walEnd = 0n, replyRequested = false): Buffer {
  const body = Buffer.alloc(18);
  body.write('k');
  body.writeBigUInt64BE(walEnd, 1);
  body[17] = replyRequested ? 1 : 0;
  return message('d', body);
}

export const ready = message('Z', 'I');

export const done = (tag: string): Buffer => message('C', `${tag}\0`);

/** ErrorResponse or, with `N`, NoticeResponse. */
export function complaint(tag: 'E' | 'N', severity: string, sqlstate: string): Buffer {
  return message(tag, `S${severity}\0V${severity}\0C${sqlstate}\0Mscripted\0\0`);
}

const int32 = (value: number) => Buffer.from([0, 0, 0, value]);

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
    done('SELECT 1'),
    ready,
  ]);
}
