// The values of one row, in the bytes in which pgoutput sends them (TupleData, without its count): a row
// passes through in one piece, and only what is looked at becomes a string. Strings of all values took
// most of the reader's time, and most of what the garbage collector had to move.
// https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
import { isAscii, transcode } from 'node:buffer';

/** The value is a large one that the update did not touch, so the server did not send it (TOAST). */
export const unchanged: unique symbol = Symbol('unchanged');

/** Text exactly as the type's output function wrote it; never converted on the way. */
export type Value = string | null | typeof unchanged;

/** A value begins with one of these; behind `text` come its length in bytes (int32) and the bytes. */
export const tags = { text: 0x74, null: 0x6e, unchanged: 0x75 } as const;

/** One value per column of its Relation, in its order. Its bytes must never change. */
export class Tuple {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** How many values there are. */
  readonly length: number;
  /** One of them is `unchanged`. */
  readonly partial: boolean;

  /** The bytes from `start` to before `end` must be that many values. */
  constructor(bytes: Buffer, start: number, end: number, length: number, partial: boolean) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.length = length;
    this.partial = partial;
  }

  static of(values: readonly Value[]): Tuple {
    const bytes = Buffer.concat(values.map(encode));
    return new Tuple(bytes, 0, bytes.length, values.length, values.includes(unchanged));
  }

  /** In bytes. */
  get size(): number {
    return this.end - this.start;
  }

  /** Null where there is none. */
  at(index: number): Value {
    const { bytes } = this;
    let offset = this.start;
    for (let i = 0; offset < this.end; i += 1) {
      const size = sizeAt(bytes, offset);
      if (i === index) return decode(bytes, offset, size);
      offset += size;
    }
    return null;
  }

  get values(): readonly Value[] {
    const values: Value[] = [];
    for (let offset = this.start; offset < this.end; ) {
      const size = sizeAt(this.bytes, offset);
      values.push(decode(this.bytes, offset, size));
      offset += size;
    }
    return values;
  }

  /** Which of them are `unchanged`; none of them is decoded for that. */
  get unsent(): readonly number[] {
    if (!this.partial) return [];
    return this.#pieces().flatMap((piece, i) => (piece[0] === tags.unchanged ? i : []));
  }

  /** With another's values where its own were not sent, as far as they are `known`. */
  filledFrom(other: Tuple, known: (index: number) => boolean = () => true): Tuple {
    if (!this.partial) return this;
    const theirs = other.#pieces();
    const pieces = this.#pieces().map((piece, i) =>
      piece[0] === tags.unchanged && known(i) ? (theirs[i] ?? piece) : piece,
    );
    const bytes = Buffer.concat(pieces);
    const partial = pieces.some((piece) => piece[0] === tags.unchanged);
    return new Tuple(bytes, 0, bytes.length, this.length, partial);
  }

  /** A string that equal rows have, and no others. */
  get image(): string {
    return this.bytes.toString('latin1', this.start, this.end);
  }

  /** The bytes of each value, with its tag. */
  #pieces(): Buffer[] {
    const pieces: Buffer[] = [];
    for (let offset = this.start; offset < this.end; ) {
      const end = offset + sizeAt(this.bytes, offset);
      pieces.push(this.bytes.subarray(offset, end));
      offset = end;
    }
    return pieces;
  }
}

/** Of a value with its tag. */
export function sizeAt(bytes: Buffer, offset: number): number {
  return bytes[offset] === tags.text ? 5 + lengthAt(bytes, offset + 1) : 1;
}

/** An int32: in a loop over all values cheaper than `readInt32BE`. */
function lengthAt(bytes: Buffer, offset: number): number {
  return (
    ((bytes[offset] as number) << 24) |
    ((bytes[offset + 1] as number) << 16) |
    ((bytes[offset + 2] as number) << 8) |
    (bytes[offset + 3] as number)
  );
}

function decode(bytes: Buffer, offset: number, size: number): Value {
  const tag = bytes[offset];
  if (tag === tags.text) return textOf(bytes, offset + 5, offset + size);
  return tag === tags.null ? null : unchanged;
}

/** From this size on V8 can keep a string outside its heap, which a heap limit then does not count. */
const largeBytes = 1_048_576;

/** UTF-8. A byte order mark is part of the value and is kept. */
function textOf(bytes: Buffer, start: number, end: number): string {
  if (end - start < largeBytes) return bytes.toString('utf8', start, end);
  const value = bytes.subarray(start, end);
  return isAscii(value)
    ? value.toString('latin1')
    : transcode(value, 'utf8', 'utf16le').toString('utf16le');
}

function encode(value: Value): Buffer {
  if (value === null) return Buffer.of(tags.null);
  if (value === unchanged) return Buffer.of(tags.unchanged);
  const bytes = Buffer.allocUnsafe(5 + Buffer.byteLength(value));
  bytes[0] = tags.text;
  bytes.writeInt32BE(bytes.length - 5, 1);
  bytes.write(value, 5);
  return bytes;
}
