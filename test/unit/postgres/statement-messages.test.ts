// To the byte what the driver would send, whatever the parameters.
import { Writable } from 'node:stream';
import fc from 'fast-check';
import pg from 'pg';
import { expect, test } from 'vitest';
import { type Parameter, StatementMessages } from '../../../src/postgres/statement-messages.ts';

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
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.integer({ min: 4_000, max: 70_000 }).map((n) => Buffer.alloc(n, n)),
  fc.integer({ min: 1_000, max: 5_000 }).map((n) => '€'.repeat(n)),
);

/** The driver would send a bigint as text. */
function asBytes(value: Parameter): Parameter {
  if (typeof value !== 'bigint') return value;
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

const name = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', ''));

test('they are the messages that the driver would send', () => {
  fc.assert(
    fc.property(name, name, fc.array(parameter), (statement, text, values) => {
      const sent = asTheDriver((connection) => {
        connection.close({ type: 'S', name: statement });
        connection.parse({ name: statement, text });
        connection.bind({ statement, values: values.map(asBytes) });
        connection.execute({});
        connection.sync();
      });
      const messages = new StatementMessages();
      messages.close(statement);
      messages.parse(statement, text);
      messages.bind(statement, values);
      messages.execute();
      messages.sync();
      expect(Buffer.concat(messages.finish()).equals(sent)).toBe(true);
    }),
  );
});

test('what is large is sent without a copy, and all that is small as one piece', () => {
  const large = Buffer.alloc(100_000, 1);
  const messages = new StatementMessages();
  messages.execute();
  messages.bind('s', ['a', large, Buffer.of(1), null]);
  messages.sync();
  const [before, same, behind, ...others] = messages.finish();
  expect(same).toBe(large);
  expect(before?.subarray(0, 10)).toEqual(Buffer.from('E\0\0\0\x09\0\0\0\0\0'));
  expect(behind?.subarray(-5)).toEqual(Buffer.from('S\0\0\0\x04'));
  expect(others).toEqual([]);
});
