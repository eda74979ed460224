// The message that gives a prepared statement its parameters. The driver would copy each of them twice and
// more; here what is large goes to the socket as it is.
// https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-BIND

export type Parameter = string | Buffer | null;

/** A write of its own costs about as much as to copy so much. */
const pieceBytes = 4 * 1024;

/** Its pieces, to be written one behind the other. Strings in text format, Buffers in binary. */
export function bindMessage(statement: string, parameters: readonly Parameter[]): Buffer[] {
  const values = parameters.map((each) => (typeof each === 'string' ? Buffer.from(each) : each));
  const name = Buffer.from(statement);
  const count = values.length;
  // Without the byte of its kind: length, no portal, statement, formats, count, values, result formats.
  let length = 4 + 1 + name.length + 1 + 2 + 2 * count + 2 + 4 * count + 4;
  let large = 0;
  for (const value of values) {
    if (value === null) continue;
    length += value.length;
    if (value.length >= pieceBytes) large += value.length;
  }

  const copied = Buffer.allocUnsafe(1 + length - large);
  let offset = copied.write('B');
  offset = copied.writeInt32BE(length, offset);
  offset = copied.writeUInt8(0, offset);
  offset += name.copy(copied, offset);
  offset = copied.writeUInt8(0, offset);
  offset = copied.writeInt16BE(count, offset);
  for (const each of parameters)
    offset = copied.writeInt16BE(Buffer.isBuffer(each) ? 1 : 0, offset);
  offset = copied.writeInt16BE(count, offset);

  const pieces: Buffer[] = [];
  let pieceBegin = 0;
  for (const value of values) {
    offset = copied.writeInt32BE(value === null ? -1 : value.length, offset);
    if (value === null) continue;
    if (value.length < pieceBytes) offset += value.copy(copied, offset);
    else {
      pieces.push(copied.subarray(pieceBegin, offset), value);
      pieceBegin = offset;
    }
  }
  // All results as text.
  offset = copied.writeInt16BE(1, offset);
  copied.writeInt16BE(0, offset);
  pieces.push(copied.subarray(pieceBegin));
  return pieces;
}
