// Where tuples stay when the buffer that they came in is read into again. Many share a block, so one that is
// kept keeps its neighbours' bytes as well.
import { copyBytes } from './copy-bytes.ts';
import { Tuple } from './tuple.ts';

const blockBytes = 16 * 1024;

export class TupleStore {
  #block = Buffer.alloc(0);
  #used = 0;

  /** A copy of `tuple`, whose own bytes may be overwritten afterwards. */
  keep({ bytes, start, end, length, partial }: Tuple): Tuple {
    const size = end - start;
    if (this.#used + size > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(Math.max(size, blockBytes));
      this.#used = 0;
    }
    const at = this.#used;
    this.#used = copyBytes(bytes, start, end, this.#block, at);
    return new Tuple(this.#block, at, this.#used, length, partial);
  }
}
