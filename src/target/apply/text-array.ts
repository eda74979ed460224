// One column of many rows as a text[] parameter in binary format: each value's bytes travel as
// they are, so nothing has to be quoted. Layout: array_recv in PostgreSQL's arrayfuncs.c.

const textOid = 25;
const headerBytes = 20;

/** A one-dimensional array from lower bound 1; null elements are SQL nulls. */
export function encodeTextArray(values: readonly (string | null)[]): Buffer {
  let size = headerBytes;
  let hasNull = 0;
  for (const value of values) {
    size += 4;
    if (value === null) hasNull = 1;
    else size += Buffer.byteLength(value);
  }
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeInt32BE(1, 0);
  bytes.writeInt32BE(hasNull, 4);
  bytes.writeInt32BE(textOid, 8);
  bytes.writeInt32BE(values.length, 12);
  bytes.writeInt32BE(1, 16);
  let offset = headerBytes;
  for (const value of values) {
    if (value === null) {
      bytes.writeInt32BE(-1, offset);
      offset += 4;
    } else {
      const length = bytes.write(value, offset + 4);
      bytes.writeInt32BE(length, offset);
      offset += 4 + length;
    }
  }
  return bytes;
}
