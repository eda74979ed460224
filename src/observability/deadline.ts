// When whoever waits gives up, also on what may never be answered: a statement waits for locks, and
// its commit for synchronous standbys.
import { setTimeout as sleep } from 'node:timers/promises';
import { ReplicatorError } from '../model/errors.ts';

/** The longest that a timer can be. */
const longestMs = 2 ** 31 - 1;

export class Deadline {
  readonly #timeoutMs: number;
  readonly #at: number;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#at = performance.now() + timeoutMs;
  }

  /** Throws TIMEOUT with `what` when the work has not ended by then; nobody waits for it any more. */
  async bound<T>(work: Promise<T>, what: string, hint?: string): Promise<T> {
    const ended = new AbortController();
    const leftMs = Math.max(0, this.#at - performance.now());
    const late = sleep(Math.min(leftMs, longestMs), undefined, { signal: ended.signal });
    try {
      return await Promise.race([work, late.then(() => this.#giveUp(what, hint))]);
    } finally {
      ended.abort();
    }
  }

  #giveUp(what: string, hint: string | undefined): never {
    const message = `after ${this.#timeoutMs / 1000} s ${what}`;
    throw new ReplicatorError('TIMEOUT', message, hint === undefined ? {} : { hint });
  }
}
