// What arrives from a server, in whatever pieces, handed on or not. The server is a script of bytes.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import {
  ReplicationStream,
  type StreamOptions,
} from '../../../../src/source/capture/replication-stream.ts';
import { eventually } from '../../../support/eventually.ts';
import {
  complaint,
  data,
  done,
  keepalive,
  message,
  ready,
  type Script,
  type ScriptedWalsender,
  scriptedWalsender,
} from '../../../support/scripted-walsender.ts';
import { confirmedPositions } from '../../../support/wire-messages.ts';

let walsender: ScriptedWalsender;
let stream: ReplicationStream;
/** The contents of the messages that were handed on. */
let seen: string[];

afterEach(async () => {
  stream?.destroy();
  await walsender[Symbol.asyncDispose]();
});

async function open(script: Script, options: Partial<StreamOptions> = {}): Promise<void> {
  seen = [];
  walsender = await scriptedWalsender(script);
  stream = await ReplicationStream.open(
    { ...walsender.database, connectTimeoutMs: 500 },
    {
      slot: 's',
      publication: 'p',
      server: walsender.facts,
      onMessage: (bytes, start, end) => seen.push(bytes.toString('latin1', start, end)),
      onKeepalive: () => seen.push('keepalive'),
      ...options,
    },
  );
}

const sending = (...messages: Buffer[]) => ({
  answer: (connection: Socket) => void connection.write(Buffer.concat(messages)),
});

async function untilEnded(): Promise<unknown> {
  if (!stream.ended.aborted) await once(stream.ended, 'abort');
  return stream.ended.reason;
}

describe.each([{ tls: false }, { tls: true }])('tls: $tls', ({ tls }) => {
  test('all arrives in order, however it is cut', async () => {
    const small = Array.from({ length: 60 }, (_, i) => `${i} ${'x'.repeat(i)}`);
    const large = ['y'.repeat(1_000_000), 'z'.repeat(70_000), 'last'];
    const answer = async (connection: Socket) => {
      for (const byte of Buffer.concat(small.map(data))) {
        connection.write(Buffer.of(byte));
        await setImmediate();
      }
      connection.write(Buffer.concat(large.map(data)));
    };
    await open({ tls, answer: (connection) => void answer(connection) });
    await eventually(() => seen.at(-1) === 'last' || stream.ended.aborted);
    expect(seen).toEqual([...small, ...large]);
  });

  test('all arrives in order while nobody waits for it', async () => {
    const sent = Array.from({ length: 500 }, (_, i) => `${i} ${'x'.repeat(i * 7)}`);
    const script = sending(...[...sent, 'y'.repeat(1_000_000), 'last'].map(data));
    await open({ tls, ...script }, { restMs: () => 1 });
    await eventually(() => seen.at(-1) === 'last' || stream.ended.aborted);
    expect(seen).toEqual([...sent, 'y'.repeat(1_000_000), 'last']);
  });

  test('paused, it reads nothing more, and says how far it is all the same', async () => {
    const sent = Array.from({ length: 2_000 }, (_, i) => `${i} `.padEnd(16 * 1024, 'x'));
    await open({ tls, ...sending(...sent.map(data), data('last')) });
    await eventually(() => seen.length > 0);
    stream.pause();
    const handedOn = seen.length;
    await sleep(300);
    expect(seen).toHaveLength(handedOn);
    expect(handedOn).toBeLessThan(1_000);
    stream.sendStatus({ receivedLsn: 9n, flushedLsn: 7n, appliedLsn: 8n });
    await eventually(() => confirmedPositions(walsender.received()).includes(7n));
    expect(seen).toHaveLength(handedOn);
    stream.resume();
    await eventually(() => seen.at(-1) === 'last' || stream.ended.aborted);
    expect(seen).toEqual([...sent, 'last']);
  });

  test.each<[string, (connection: Socket) => void, object]>([
    [
      'terminated',
      (c) => c.end(Buffer.concat([complaint('E', 'FATAL', '57P01'), data('behind')])),
      { code: 'CONNECTION_LOST', sqlstate: '57P01' },
    ],
    [
      'an error that leaves the connection open',
      (c) => c.write(Buffer.concat([complaint('E', 'ERROR', '55000'), ready])),
      { code: 'SLOT_LOST', sqlstate: '55000' },
    ],
    ['in order', (c) => c.write(Buffer.concat([message('c', ''), done('COPY 0'), ready])), {}],
    ['as a server that stops', (c) => c.end(done('COPY 0')), { code: 'CONNECTION_LOST' }],
    ['without a word', (c) => c.end(), { code: 'CONNECTION_LOST' }],
    ['by a reset', (c) => c.destroy(), { code: 'CONNECTION_LOST' }],
    ['in a message', (c) => c.end(data('half').subarray(0, 31)), { code: 'CONNECTION_LOST' }],
    ['in a head', (c) => c.end(data('half').subarray(0, 3)), { code: 'CONNECTION_LOST' }],
    ['by a message of no kind', (c) => c.write(message('?', 'x')), { code: 'CONNECTION_LOST' }],
    ['by no message', (c) => c.write(Buffer.alloc(9, 0xff)), { code: 'PROTOCOL' }],
    ['by something unknown in it', (c) => c.write(message('d', '?')), { code: 'PROTOCOL' }],
    ['by nothing in it', (c) => c.write(message('d', '')), { code: 'PROTOCOL' }],
    ['by a head alone', (c) => c.write(data('')), { code: 'PROTOCOL' }],
    ['by a short keepalive', (c) => c.write(message('d', 'k1234567')), { code: 'PROTOCOL' }],
  ])('it ends: %s', async (_, end, reason) => {
    const notice = complaint('N', 'WARNING', '01000');
    const setting = message('S', 'a\0b\0');
    const before = Buffer.concat([data('first'), notice, data('second'), setting]);
    // In a read of its own, else the destroyed socket would take what was written with it.
    const answer = (connection: Socket) =>
      connection.write(before, () => setTimeout(end, 50, connection));
    await open({ tls, answer });
    expect(await untilEnded()).toMatchObject(reason);
    await sleep(20);
    expect(seen).toEqual(['first', 'second']);
  });

  test('behind a message that failed nothing is handed on, though it was read with it', async () => {
    const script = sending(data('first'), data('bad'), data('commit'), keepalive());
    const onMessage = (bytes: Buffer, start: number, end: number) => {
      seen.push(bytes.toString('latin1', start, end));
      if (seen.at(-1) === 'bad') throw new Error('a value that is refused');
    };
    await open({ tls, ...script }, { onMessage });
    expect(await untilEnded()).toMatchObject({ message: expect.stringContaining('refused') });
    expect(seen).toEqual(['first', 'bad']);
  });

  test('an end that is read together with the answer before is the end', async () => {
    const early = complaint('E', 'FATAL', '57P01');
    await expect(open({ tls, early, answer: () => {} })).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      sqlstate: '57P01',
    });
  });

  test('a notice that comes in two pieces before the stream is not taken for a part of it', async () => {
    const notice = complaint('N', 'WARNING', '01000');
    const rest = Buffer.concat([notice.subarray(9), message('W', Buffer.alloc(3)), data('first')]);
    await open({
      tls,
      early: notice.subarray(0, 9),
      unanswered: true,
      answer: (connection) => connection.write(rest),
    });
    await eventually(() => seen.length > 0 || stream.ended.aborted);
    expect(seen).toEqual(['first']);
  });
});

test('a keepalive is read to the byte', async () => {
  const found: unknown[] = [];
  const script = sending(keepalive(2n ** 64n - 1n, true), keepalive(0x1_0000_0002n));
  await open(script, { onKeepalive: (...keepalive) => found.push(keepalive) });
  await eventually(() => found.length === 2);
  expect(found).toEqual([
    [2n ** 64n - 1n, true],
    [0x1_0000_0002n, false],
  ]);
});

test('paused while it rests, it does not read on afterwards; woken, it does so at once', async () => {
  let connection: Socket | undefined;
  const answer = (socket: Socket) => {
    connection = socket;
    socket.write(data('first'));
  };
  await open({ answer }, { restMs: () => 1 });
  await eventually(() => seen.length === 1, { intervalMs: 0 });
  stream.pause();
  connection?.write(data('second'));
  stream.wake();
  await sleep(50);
  expect(seen).toEqual(['first']);
  stream.resume();
  await eventually(() => seen.length === 2);
});

test.each([
  ['is lost', (connection: Socket) => connection.destroy()],
  ['stays silent', () => {}],
])('a connection that %s when the stream is asked for is an error', async (_, answer) => {
  await expect(open({ answer, unanswered: true })).rejects.toMatchObject({
    code: 'CONNECTION_LOST',
  });
});

test.each([
  ['cluster', { systemIdentifier: '7000000000000000002' }],
  ['timeline', { timeline: 2n }],
])('another %s than the one that was verified is not read', async (_, other) => {
  const verified = { major: 18, systemIdentifier: '7000000000000000001', timeline: 1n };
  const opening = open(sending(data('first')), { server: { ...verified, ...other } });
  await expect(opening).rejects.toMatchObject({ code: 'SERVER_BUSY' });
  expect(seen).toEqual([]);
});

test('a slot that has been dropped since it was looked at is looked at again', async () => {
  const answer = (connection: Socket) =>
    connection.write(Buffer.concat([complaint('E', 'ERROR', '42704'), ready]));
  await expect(open({ answer, unanswered: true })).rejects.toMatchObject({ code: 'SERVER_BUSY' });
});

test('a publication that is missed later is told as such', async () => {
  const missing = complaint('E', 'ERROR', '42704');
  const answer = (connection: Socket) =>
    connection.write(Buffer.concat([data('first'), missing, ready]));
  await open({ answer });
  expect(await untilEnded()).toMatchObject({ code: 'PUBLICATION_CHANGED' });
});
