// A reader reads again, by itself, whatever ended its stream.
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, failedRetryMs } from '../model/backoff.ts';
import { asReplicatorError, type ReplicatorError } from '../model/errors.ts';
import type { Term } from './ownership/term.ts';
import type { SourceReader } from './source-reader.ts';
import { Trouble } from './trouble.ts';

/** A stream that held this long was sound: its failure is a new one. */
const steadyMs = 30_000;

/**
 * Until `stop` is aborted. `term` is waited for before each attempt: a process that was frozen must
 * know that the source is its own still. `isNew`: not the trouble that there was at the last attempt.
 */
export async function keepReading(
  reader: SourceReader,
  stop: AbortSignal,
  term: (stop: AbortSignal) => Promise<Term>,
  onFailure: (error: ReplicatorError, isNew: boolean) => void,
): Promise<void> {
  let attempt = 0;
  const trouble = new Trouble();
  while (!stop.aborted) {
    const startedAt = performance.now();
    try {
      await reader.run(stop, await term(stop));
    } catch (thrown) {
      if (stop.aborted) return;
      const error = asReplicatorError(thrown);
      if (performance.now() - startedAt > steadyMs) {
        attempt = 0;
        trouble.end();
      }
      onFailure(error, trouble.isNew(error));
      const pause =
        error.retry === 'timed' ? backoffMs(attempt, Math.random()) : failedRetryMs(attempt);
      attempt += 1;
      // What it needs may be there again.
      const over = AbortSignal.any([stop, reader.restarted]);
      await sleep(pause, undefined, { signal: over }).catch(() => {});
    }
  }
}
