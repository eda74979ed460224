// Commit times of many rows as a timestamptz[] parameter in binary format, which is their very
// number of microseconds: array_recv in arrayfuncs.c, timestamptz_recv in timestamp.c.

const timestamptzOid = 1184;
const headerBytes = 20;

export function encodeTimeArray(times: readonly bigint[]): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes + times.length * 12);
  bytes.writeInt32BE(1, 0);
  bytes.writeInt32BE(0, 4);
  bytes.writeInt32BE(timestamptzOid, 8);
  bytes.writeInt32BE(times.length, 12);
  bytes.writeInt32BE(1, 16);
  let offset = headerBytes;
  for (const time of times) {
    bytes.writeInt32BE(8, offset);
    bytes.writeBigInt64BE(time, offset + 4);
    offset += 12;
  }
  return bytes;
}
