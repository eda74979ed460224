// When a lease may be taken from its owner: judged by what changes, and by our own clock only.
import type { Lease } from './lease.ts';

/** An owner shows a sign of life this often. */
export const renewEveryMs = 2_000;
/** Whoever stands by looks this often. */
export const lookEveryMs = 500;
/** An owner that has shown no sign of life for so long is frozen, or cut off. */
export const frozenAfterMs = 6_000;
/** One whose session ended, and that has not come back after so long, is dead. */
export const goneAfterMs = 1_000;

export class LeaseWatch {
  readonly #now: () => number;
  #seen: Lease | undefined;
  #seenAt = 0;

  /** `now`: milliseconds of a clock that nobody sets. Begin a new watch after every gap in looking. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * `askedAt`: when this look was asked for. What it shows was so at some moment between that and
   * now, so a standstill lasts at least from the answer that showed it first to the latest question.
   */
  mayTake(lease: Lease, askedAt: number): boolean {
    if (lease.owner === undefined) return true;
    if (this.#seen === undefined || !isSame(this.#seen, lease)) {
      this.#seen = lease;
      this.#seenAt = this.#now();
      return false;
    }
    const stillMs = askedAt - this.#seenAt;
    if (!lease.connected) return stillMs >= goneAfterMs;
    // One whose signs of life we may not see is not judged.
    return lease.sign !== undefined && stillMs >= frozenAfterMs;
  }
}

function isSame(a: Lease, b: Lease): boolean {
  return (
    a.epoch === b.epoch &&
    a.owner?.id === b.owner?.id &&
    a.connected === b.connected &&
    a.sign === b.sign
  );
}
