// One column of many rows as a text[] parameter in binary format: each value's bytes travel as
// they are, so nothing has to be quoted. Layout: array_recv in PostgreSQL's arrayfuncs.c.
import { ReplicatorError } from '../../model/errors.ts';

const textOid = 25;
export const headerBytes = 20;
/** Of one UTF-16 unit in UTF-8. */
const mostBytes = 3;
/** Up to so many characters a loop is faster than a call into the runtime. */
const shortCharacters = 64;

/** Written to first, as the size is known only then; kept, as long as it is not large. */
let scratch = Buffer.allocUnsafe(64 * 1024);
const keptBytes = 4 * 1024 * 1024;

/** A one-dimensional array from lower bound 1; null elements are SQL nulls. */
export function encodeTextArray(values: readonly (string | null)[]): Buffer {
  let most = headerBytes + 4 * values.length;
  for (const value of values) if (value !== null) most += mostBytesOf(value);
  const bytes = scratchOf(most);
  let hasNull = 0;
  let offset = headerBytes;
  for (const value of values) {
    const length = value === null ? -1 : writeText(bytes, value, offset + 4);
    writeInt32(bytes, length, offset);
    offset += 4;
    if (length < 0) hasNull = 1;
    else offset += length;
  }
  writeHeader(bytes, values.length, hasNull);
  const written = bytes.subarray(0, offset);
  return bytes === scratch ? Buffer.from(written) : written;
}

/** One dimension, from lower bound 1. */
export function writeHeader(bytes: Buffer, length: number, hasNull: number): void {
  writeInt32(bytes, 1, 0);
  writeInt32(bytes, hasNull, 4);
  writeInt32(bytes, textOid, 8);
  writeInt32(bytes, length, 12);
  writeInt32(bytes, 1, 16);
}

/** Compiled in place, unlike a Buffer's own. */
function writeInt32(bytes: Buffer, value: number, offset: number): void {
  bytes[offset] = value >> 24;
  bytes[offset + 1] = value >> 16;
  bytes[offset + 2] = value >> 8;
  bytes[offset + 3] = value;
}

/** What must never become an element. */
export function notSent(): ReplicatorError {
  return new ReplicatorError('INTERNAL', 'a value that was not sent reached a statement');
}

function mostBytesOf(value: string): number {
  const { length } = value;
  return length > shortCharacters ? Buffer.byteLength(value) : mostBytes * length;
}

/** Gives the number of bytes. */
function writeText(bytes: Buffer, value: string, offset: number): number {
  const { length } = value;
  if (length > shortCharacters) return bytes.write(value, offset);
  for (let i = 0; i < length; i += 1) {
    const code = value.charCodeAt(i);
    if (code > 127) return bytes.write(value, offset);
    bytes[offset + i] = code;
  }
  return length;
}

function scratchOf(size: number): Buffer {
  if (size > keptBytes) return Buffer.allocUnsafe(size);
  if (size > scratch.length) scratch = Buffer.allocUnsafe(Math.min(keptBytes, 2 * size));
  return scratch;
}
