// To the byte what the driver would send, whatever the parameters.
import { Writable } from 'node:stream';
import fc from 'fast-check';
import pg from 'pg';
import { expect, test } from 'vitest';
import { bindMessage, type Parameter } from '../../../src/postgres/bind-message.ts';

interface DriverConnection {
  bind(config: { statement: string; values: readonly Parameter[] }): void;
}

function asTheDriverSends(statement: string, values: readonly Parameter[]): Buffer {
  const sent: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      sent.push(chunk);
      done();
    },
  });
  const config: object = { stream };
  const connection: object = new pg.Connection(config);
  (connection as DriverConnection).bind({ statement, values });
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

test('it is the message that the driver would send', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(parameter), (statement, values) => {
      const name = statement.replaceAll('\0', '');
      expect(Buffer.concat(bindMessage(name, values)).equals(asTheDriverSends(name, values))).toBe(
        true,
      );
    }),
  );
});

test('what is large is sent without a copy, and a few small values as one piece', () => {
  const large = Buffer.alloc(100_000, 1);
  expect(bindMessage('s', ['a', large, Buffer.of(1), null])[1]).toBe(large);
  expect(bindMessage('s', ['a', Buffer.of(1), null])).toHaveLength(1);
});
