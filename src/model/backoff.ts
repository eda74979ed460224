// How long to wait before the next attempt.

const firstMs = 100;
const longestMs = 10_000;

/**
 * Doubles from 100 ms to 10 s, less up to half of it at random, so that what failed together does
 * not come back together. `random` is in [0, 1).
 */
export function backoffMs(attempt: number, random: number): number {
  const full = Math.min(longestMs, firstMs * 2 ** Math.min(attempt, 20));
  return Math.round(full * (1 - random / 2));
}

const longestFailedMs = 60_000;

/**
 * How long what a person must mend is left alone before it is looked at again: five seconds, then
 * longer each time up to a minute.
 */
export function failedRetryMs(attempt: number): number {
  return Math.min(longestFailedMs, 5_000 * 2 ** Math.min(attempt, 10));
}
