// Messages come out as they were sent, wherever the reads cut them.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MessageSplitter } from '../../src/source/capture/message-splitter.ts';

interface Message {
  readonly tag: string;
  /** A character per byte: compared in no time. */
  readonly body: string;
}

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const body = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ maxLength: 40 }).map(latin1) },
  // More than what is kept for the begin of a message.
  fc.integer({ min: 60_000, max: 200_000 }).map((length) => 'abc'.repeat(length / 3)),
);
const message = fc.record({ tag: fc.constantFrom('d', 'd', 'd', 'E', 'Z', 'c'), body });

function encode({ tag, body }: Message): Buffer {
  const head = Buffer.alloc(5);
  head.write(tag, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, Buffer.from(body, 'latin1')]);
}

/** Each chunk is given in the same buffer, which is overwritten afterwards. */
function split(chunks: readonly Buffer[]): Message[] {
  const found: Message[] = [];
  const splitter = new MessageSplitter({
    copyData: (bytes, start, end) => {
      found.push({ tag: 'd', body: bytes.toString('latin1', start, end) });
    },
    other: (bytes) => {
      found.push({ tag: bytes.toString('latin1', 0, 1), body: bytes.toString('latin1', 5) });
    },
  });
  for (const chunk of chunks) {
    const bytes = Buffer.from(chunk);
    splitter.read(bytes);
    bytes.fill(0xff);
  }
  return found;
}

test('cut anywhere', () => {
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 12 }), cuts, (messages, at) => {
      const all = Buffer.concat(messages.map(encode));
      const ends = [...at.map((share) => Math.floor(share * all.length)), all.length];
      ends.sort((a, b) => a - b);
      const chunks = ends.map((end, i) => all.subarray(ends[i - 1] ?? 0, end));
      expect(split(chunks)).toEqual(messages);
    }),
  );
});

test('byte by byte', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ tag: fc.constantFrom('d', 'E'), body: fc.uint8Array().map(latin1) })),
      (m) => {
        const all = Buffer.concat(m.map(encode));
        expect(split(Array.from(all, (byte) => Buffer.of(byte)))).toEqual(m);
      },
    ),
  );
});

test('a length that no message has is refused', () => {
  for (const length of [0, 3, 0x4000_0010, 0xffff_ffff]) {
    const head = Buffer.from('d....');
    head.writeUInt32BE(length, 1);
    expect(() => split([head])).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    expect(() => split([head.subarray(0, 2), head.subarray(2)])).toThrow(
      expect.objectContaining({ code: 'PROTOCOL' }),
    );
  }
});
