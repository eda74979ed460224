// Splits what a server sends into its messages. Those that carry the stream are handed on where they
// lie, without a copy and without an object for each: a row takes less time than to announce it.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
import { ReplicatorError } from '../../model/errors.ts';

/** CopyData */
const copyData = 0x64;
/** The letter of a message, and its length, which counts itself but not the letter. */
const headBytes = 5;
/** PostgreSQL sends no message that is longer. */
const largestMessageBytes = 0x3fff_ffff + headBytes;
/** A buffer for the begin of a message is kept up to this size, and made anew for larger ones. */
const keptBytes = 64 * 1024;

export interface SplitCalls {
  /** The content of a CopyData message: valid during the call only. */
  copyData(bytes: Buffer, start: number, end: number): void;
  /** Any other message, whole and as a copy. */
  other(message: Buffer): void;
}

export class MessageSplitter {
  readonly #calls: SplitCalls;
  /** Begin of a message whose end has not been read yet. */
  #held = Buffer.allocUnsafeSlow(keptBytes);
  #heldBytes = 0;

  constructor(calls: SplitCalls) {
    this.#calls = calls;
  }

  /** Throws PROTOCOL when this cannot be a message, and what the calls throw. Keeps no `bytes`. */
  read(bytes: Buffer): void {
    let at = this.#heldBytes > 0 ? this.#complete(bytes) : 0;
    while (bytes.length - at >= headBytes) {
      const size = sizeAt(bytes, at);
      if (size > bytes.length - at) return this.#hold(bytes, at, bytes.length, size);
      this.#handOn(bytes, at, at + size);
      at += size;
    }
    if (at < bytes.length) this.#hold(bytes, at, bytes.length, headBytes);
  }

  /** Adds to the message that is held what is missing of it. Returns where the next one begins. */
  #complete(bytes: Buffer): number {
    let at = 0;
    if (this.#heldBytes < headBytes) {
      at = Math.min(headBytes - this.#heldBytes, bytes.length);
      this.#hold(bytes, 0, at, headBytes);
      if (this.#heldBytes < headBytes) return at;
    }
    const size = sizeAt(this.#held, 0);
    const end = Math.min(at + size - this.#heldBytes, bytes.length);
    this.#hold(bytes, at, end, size);
    if (this.#heldBytes < size) return end;
    const message = this.#held;
    this.#heldBytes = 0;
    if (message.length > keptBytes) this.#held = Buffer.allocUnsafeSlow(keptBytes);
    this.#handOn(message, 0, size);
    return end;
  }

  /** `size`: of the whole message, as far as it is known. */
  #hold(bytes: Buffer, start: number, end: number, size: number): void {
    if (size > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(size);
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    bytes.copy(this.#held, this.#heldBytes, start, end);
    this.#heldBytes += end - start;
  }

  #handOn(bytes: Buffer, start: number, end: number): void {
    if (bytes[start] === copyData) this.#calls.copyData(bytes, start + headBytes, end);
    else this.#calls.other(Buffer.from(bytes.subarray(start, end)));
  }
}

function sizeAt(bytes: Buffer, at: number): number {
  const size = 1 + bytes.readUInt32BE(at + 1);
  if (size < headBytes || size > largestMessageBytes)
    throw new ReplicatorError('PROTOCOL', `the server announced a message of ${size} bytes`);
  return size;
}
