// The messages that prepare and run statements. The driver would copy each parameter twice and more, and
// write each message by itself; here what is large goes to the socket as it is, and the rest in one write.
// https://www.postgresql.org/docs/current/protocol-message-formats.html

/**
 * Strings travel in text format. In binary: Buffers as they are, and bigints as eight bytes, which bigint, pg_lsn and
 * timestamptz (microseconds since 2000) take.
 */
export type Parameter = string | Buffer | bigint | null;

/** A write of its own costs about as much as to copy so much. */
const pieceBytes = 4 * 1024;
const bigintBytes = 8;

/** Written to first, as a small transaction is mostly numbers: each a buffer of its own took twice as long. */
let scratch = Buffer.allocUnsafeSlow(64 * 1024);
/** Its setters are compiled in place, unlike a Buffer's. */
let view = viewOf(scratch);

/** What one statement after the other is said with, in as few pieces as that is worth. */
export class StatementMessages {
  readonly #pieces: Buffer[] = [];
  #end = 0;

  /** Of a prepared statement, whether or not there is one of that name. */
  close(statement: string): void {
    this.#whole('C', Buffer.from(`S${statement}\0`));
  }

  /** The server finds out what types the parameters have. */
  parse(statement: string, sql: string): void {
    this.#whole('P', Buffer.from(`${statement}\0${sql}\0\0\0`));
  }

  /** Of the unnamed portal; all results as text. */
  bind(statement: string, parameters: readonly Parameter[]): void {
    const count = parameters.length;
    const nameBytes = Buffer.byteLength(statement);
    let length = 4 + 1 + nameBytes + 1 + 2 + 2 * count + 2 + 4 * count + 4;
    for (const value of parameters) length += sizeOf(value);
    this.#head('B', length, nameBytes + 2 * count + 6);
    this.#byte(0);
    this.#end += scratch.write(statement, this.#end);
    this.#byte(0);
    this.#int16(count);
    for (const value of parameters) this.#int16(isBinary(value) ? 1 : 0);
    this.#int16(count);
    for (const value of parameters) this.#value(value);
    this.#reserve(4);
    this.#int16(1);
    this.#int16(0);
  }

  /** Of the unnamed portal, all rows. */
  execute(): void {
    this.#head('E', 9, 5);
    this.#byte(0);
    this.#int32(0);
  }

  sync(): void {
    this.#head('S', 4, 0);
  }

  /** All of them; nothing is to be added afterwards. */
  finish(): readonly Buffer[] {
    this.#cut();
    return this.#pieces;
  }

  #whole(kind: string, content: Buffer): void {
    this.#head(kind, 4 + content.length, 0);
    this.#bytes(content);
  }

  /** `length`: as the message says it; `follows`: bytes for which there must be room behind. */
  #head(kind: string, length: number, follows: number): void {
    this.#reserve(5 + follows);
    this.#byte(kind.charCodeAt(0));
    this.#int32(length);
  }

  #value(value: Parameter): void {
    this.#reserve(4 + bigintBytes);
    if (value === null) return this.#int32(-1);
    if (typeof value === 'bigint') {
      this.#int32(bigintBytes);
      view.setBigInt64(this.#end, value);
      this.#end += bigintBytes;
      return;
    }
    const size = sizeOf(value);
    this.#int32(size);
    if (typeof value !== 'string') this.#bytes(value);
    else if (size >= pieceBytes) this.#bytes(Buffer.from(value));
    else {
      this.#reserve(size);
      this.#end += scratch.write(value, this.#end);
    }
  }

  #bytes(bytes: Buffer): void {
    if (bytes.length >= pieceBytes) {
      this.#cut();
      this.#pieces.push(bytes);
      return;
    }
    this.#reserve(bytes.length);
    this.#end += bytes.copy(scratch, this.#end);
  }

  #byte(value: number): void {
    scratch[this.#end++] = value;
  }

  #int16(value: number): void {
    view.setInt16(this.#end, value);
    this.#end += 2;
  }

  #int32(value: number): void {
    view.setInt32(this.#end, value);
    this.#end += 4;
  }

  #reserve(size: number): void {
    if (this.#end + size <= scratch.length) return;
    this.#cut();
    if (size <= scratch.length) return;
    scratch = Buffer.allocUnsafeSlow(2 * size);
    view = viewOf(scratch);
  }

  /** A piece of what was written until now: the next statements need the room. */
  #cut(): void {
    if (this.#end > 0) this.#pieces.push(Buffer.from(scratch.subarray(0, this.#end)));
    this.#end = 0;
  }
}

function sizeOf(value: Parameter): number {
  if (value === null) return 0;
  if (typeof value === 'bigint') return bigintBytes;
  return typeof value === 'string' ? Buffer.byteLength(value) : value.length;
}

function isBinary(value: Parameter): boolean {
  return typeof value === 'bigint' || (typeof value === 'object' && value !== null);
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}
