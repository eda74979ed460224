// Reads the primitive fields of messages.

export class WireReader {
  readonly bytes: Buffer;
  #offset: number;
  readonly #end: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.#offset = start;
    this.#end = end;
  }

  /** Of what is read next. */
  get offset(): number {
    return this.#offset;
  }

  byte(): number {
    return this.bytes[this.#advance(1)] as number;
  }

  /** A one-letter tag. */
  letter(): string {
    return String.fromCharCode(this.byte());
  }

  int16(): number {
    return this.bytes.readInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#advance(4));
  }

  /** Object and transaction ids are unsigned: 4026531841 is a valid OID. */
  uint32(): number {
    return this.bytes.readUInt32BE(this.#advance(4));
  }

  int64(): bigint {
    return this.bytes.readBigInt64BE(this.#advance(8));
  }

  lsn(): bigint {
    return this.bytes.readBigUInt64BE(this.#advance(8));
  }

  cString(): string {
    const end = this.bytes.indexOf(0, this.#offset);
    if (end < 0 || end >= this.#end) throw new RangeError('a name does not end');
    const text = this.bytes.toString('utf8', this.#offset, end);
    this.#offset = end + 1;
    return text;
  }

  skip(length: number): void {
    this.#advance(length);
  }

  #advance(length: number): number {
    const start = this.#offset;
    if (length < 0 || start + length > this.#end)
      throw new RangeError(`the message ends ${start + length - this.#end} bytes early`);
    this.#offset = start + length;
    return start;
  }
}
