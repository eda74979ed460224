// The messages that prepare and run statements. The driver would copy each parameter twice and more, and
// write each message by itself; here what is large goes to the socket as it is, and the rest in one write.
// https://www.postgresql.org/docs/current/protocol-message-formats.html

export type Parameter = string | Buffer | null;

/** A write of its own costs about as much as to copy so much. */
const pieceBytes = 4 * 1024;

/** Of the unnamed portal, all rows. */
export const executeMessage = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0]);
export const syncMessage = Buffer.from([0x53, 0, 0, 0, 4]);

/** Of a prepared statement, whether or not there is one of that name. */
export function closeMessage(statement: string): Buffer {
  const content = Buffer.from(`S${statement}\0`);
  const head = Buffer.alloc(5, 'C');
  head.writeInt32BE(4 + content.length, 1);
  return Buffer.concat([head, content]);
}

/** The server finds out what types the parameters have. */
export function parseMessage(statement: string, sql: string): Buffer {
  const content = Buffer.from(`${statement}\0${sql}\0\0\0`);
  const head = Buffer.alloc(5, 'P');
  head.writeInt32BE(4 + content.length, 1);
  return Buffer.concat([head, content]);
}

/** The same bytes in as few pieces as that is worth. */
export function joined(pieces: readonly Buffer[]): Buffer[] {
  const result: Buffer[] = [];
  let small: Buffer[] = [];
  const join = () => {
    if (small.length > 0) result.push(Buffer.concat(small));
    small = [];
  };
  for (const piece of pieces) {
    if (piece.length < pieceBytes) small.push(piece);
    else {
      join();
      result.push(piece);
    }
  }
  join();
  return result;
}

/**
 * The parameters of a prepared statement; its pieces, to be written one behind the other. Strings in text
 * format, Buffers in binary.
 */
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
