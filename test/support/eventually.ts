import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  timeoutMs?: number;
  intervalMs?: number;
  /** What is awaited, for the error. */
  what?: string;
}

/** Calls fn until it neither throws nor returns false, and returns what it returned. */
export async function eventually<T>(
  fn: () => T | Promise<T>,
  { timeoutMs = 20_000, intervalMs = 20, what = 'what was awaited' }: EventuallyOptions = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let lastError: unknown = 'it stayed false';
  while (true) {
    try {
      const result = await before(deadline, fn);
      if (result !== false) return result;
      lastError = 'it stayed false';
    } catch (error) {
      lastError = error;
    }
    if (performance.now() + intervalMs >= deadline) {
      const reason = lastError instanceof Error ? lastError.message : lastError;
      throw new Error(`${what}: not within ${timeoutMs} ms: ${reason}`, { cause: lastError });
    }
    await sleep(intervalMs);
  }
}

/** An attempt that hangs (a query behind a lock) must not outlive the deadline. */
async function before<T>(deadline: number, fn: () => T | Promise<T>): Promise<T> {
  const timer = new AbortController();
  const remainingMs = Math.max(0, deadline - performance.now());
  const late = sleep(remainingMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error('the last attempt did not return');
  });
  try {
    return await Promise.race([fn(), late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}
