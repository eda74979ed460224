// One direction of a proxied connection: what comes out of one socket goes into the other, in order,
// when the rules allow it.
import type { Socket } from 'node:net';

export interface LaneRules {
  readonly delayMs: number;
  /** How much passes in each direction of each connection. */
  readonly bytesPerSecond: number;
  /** Written at once to the other side. */
  readonly pieceBytes: number;
}

/** What of a chunk passes; with `cut`, what to do after that. */
export interface Passing {
  readonly bytes: Buffer;
  readonly cut?: () => void;
}

/** `end`: the sender has no more to say. `reset`: the connection broke. */
type Item = Buffer | 'end' | 'reset';

const maxQueuedBytes = 1024 * 1024;

export class ProxyLane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #rules: LaneRules;
  readonly #isSwallowed: () => boolean;
  readonly #passing: (chunk: Buffer) => Passing;
  readonly #queue: { item: Item; due: number }[] = [];
  #queuedBytes = 0;
  /** When the last chunk has passed at that rate. */
  #passedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Starts to read. What of a chunk does not pass is lost. */
  constructor(
    from: Socket,
    to: Socket,
    rules: LaneRules,
    isSwallowed: () => boolean,
    passing: (chunk: Buffer) => Passing,
  ) {
    this.#from = from;
    this.#to = to;
    this.#rules = rules;
    this.#isSwallowed = isSwallowed;
    this.#passing = passing;
    from.on('data', (chunk: Buffer) => this.#push(chunk));
    from.on('end', () => this.#push('end'));
    from.on('close', (hadError) => hadError && this.#push('reset'));
    to.on('drain', () => this.pump());
    to.on('close', () => clearTimeout(this.#timer));
    from.resume();
  }

  /** Sends what is due. To be called again when the rules have changed. */
  pump(): void {
    clearTimeout(this.#timer);
    while (!this.#isSwallowed() && !this.#to.destroyed && !this.#to.writableNeedDrain) {
      const next = this.#queue[0];
      if (!next) break;
      const waitMs = next.due - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), waitMs);
        break;
      }
      this.#queue.shift();
      this.#send(next.item);
    }
    if (this.#queuedBytes <= maxQueuedBytes) this.#from.resume();
  }

  #push(item: Item): void {
    const bytes = item instanceof Buffer ? item.length : 0;
    const { delayMs, bytesPerSecond } = this.#rules;
    this.#passedAt = Math.max(this.#passedAt, performance.now()) + (bytes * 1_000) / bytesPerSecond;
    this.#queue.push({ item, due: this.#passedAt + delayMs });
    this.#queuedBytes += bytes;
    // the sender is to feel that nobody reads, as it would without us
    if (this.#queuedBytes > maxQueuedBytes) this.#from.pause();
    this.pump();
  }

  #send(item: Item): void {
    if (item === 'end') {
      this.#to.end();
    } else if (item === 'reset') {
      this.#to.destroy();
    } else {
      this.#queuedBytes -= item.length;
      const { bytes, cut } = this.#passing(item);
      for (let start = 0; start < bytes.length; start += this.#rules.pieceBytes)
        this.#to.write(bytes.subarray(start, start + this.#rules.pieceBytes));
      cut?.();
    }
  }
}
