// To the byte what the driver would send, whatever the parameters.
import { Writable } from 'node:stream';
import fc from 'fast-check';
import pg from 'pg';
import { expect, test } from 'vitest';
import {
  bindMessage,
  closeMessage,
  executeMessage,
  joined,
  type Parameter,
  parseMessage,
  syncMessage,
} from '../../../src/postgres/statement-messages.ts';

interface DriverConnection {
  close(statement: { type: 'S'; name: string }): void;
  parse(query: { name: string; text: string }): void;
  bind(config: { statement: string; values: readonly Parameter[] }): void;
  execute(config: object): void;
  sync(): void;
}

function asTheDriver(sends: (connection: DriverConnection) => void): Buffer {
  const sent: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      sent.push(chunk);
      done();
    },
  });
  const config: object = { stream };
  const connection: object = new pg.Connection(config);
  sends(connection as DriverConnection);
  return Buffer.concat(sent);
}

const bytes = (maxLength: number) =>
  fc.uint8Array({ maxLength, size: 'max' }).map((array) => Buffer.from(array));

const parameter = fc.oneof<fc.Arbitrary<Parameter>[]>(
  fc.constant(null),
  fc.string({ unit: 'grapheme' }),
  bytes(20),
  fc.integer({ min: 4_000, max: 70_000 }).map((n) => Buffer.alloc(n, n)),
  fc.integer({ min: 1_000, max: 5_000 }).map((n) => '€'.repeat(n)),
);

const name = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', ''));

test('they are the messages that the driver would send', () => {
  fc.assert(
    fc.property(name, name, fc.array(parameter), (statement, text, values) => {
      const sent = asTheDriver((connection) => {
        connection.close({ type: 'S', name: statement });
        connection.parse({ name: statement, text });
        connection.bind({ statement, values });
        connection.execute({});
        connection.sync();
      });
      const messages = [
        closeMessage(statement),
        parseMessage(statement, text),
        ...bindMessage(statement, values),
        executeMessage,
        syncMessage,
      ];
      expect(Buffer.concat(messages).equals(sent)).toBe(true);
      expect(Buffer.concat(joined(messages)).equals(sent)).toBe(true);
    }),
  );
});

test('what is large is sent without a copy, and all that is small as one piece', () => {
  const large = Buffer.alloc(100_000, 1);
  const messages = bindMessage('s', ['a', large, Buffer.of(1), null]);
  const [before, same, behind, ...others] = joined([executeMessage, ...messages, syncMessage]);
  expect(same).toBe(large);
  expect(before?.subarray(0, 10)).toEqual(executeMessage);
  expect(behind?.subarray(-5)).toEqual(syncMessage);
  expect(others).toEqual([]);
});
