// A target comes back into the stream of all: what the stream brings from one position on waits here
// until the target's own stream has brought everything before.
import type { Lsn } from '../model/lsn.ts';
import { maxLsn, zeroLsn } from '../model/lsn.ts';
import type { TransactionPart } from '../model/transaction.ts';
import type { Subscriber } from './subscriber.ts';

export interface HandoverOptions {
  readonly subscriber: Subscriber;
  readonly maxBytes: number;
  /** Everything that ends at or before `lsn` is the own stream's, the rest waits here. */
  readonly onBegin: (lsn: Lsn) => void;
}

export class Handover {
  readonly subscriber: Subscriber;
  readonly #options: HandoverOptions;
  readonly #attachment: number;
  #parts: TransactionPart[] = [];
  #bytes = 0;
  #passedLsn: Lsn = zeroLsn;
  #seenTime: bigint | undefined;
  #urgent = false;
  #broken = false;

  constructor(options: HandoverOptions) {
    this.subscriber = options.subscriber;
    this.#attachment = options.subscriber.attachment;
    this.#options = options;
  }

  /** It will not come about: more waits than may, a stream broke, or the target is gone. */
  get failed(): boolean {
    return this.#broken || this.subscriber.attachment !== this.#attachment;
  }

  begin(lsn: Lsn): void {
    this.#options.onBegin(lsn);
  }

  receive(part: TransactionPart): void {
    if (this.failed) return;
    this.#parts.push(part);
    this.#bytes += part.bytes;
    if (this.#bytes > this.#options.maxBytes) this.fail();
  }

  passed(lsn: Lsn, urgent: boolean, seenTime?: bigint): void {
    if (seenTime !== undefined) this.#seenTime = seenTime;
    this.#passedLsn = maxLsn(this.#passedLsn, lsn);
    this.#urgent ||= urgent;
  }

  fail(): void {
    this.#broken = true;
    this.#parts = [];
    this.#bytes = 0;
  }

  /** Gives the target all that has waited; the stream then goes on with it where this ends. */
  complete(): void {
    for (const part of this.#parts.splice(0)) this.subscriber.receive(part);
    if (this.#passedLsn > zeroLsn)
      this.subscriber.passed(this.#passedLsn, this.#urgent, this.#seenTime);
  }
}
