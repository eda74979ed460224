// The states of a subscription and the only moves between them. A later state `detached`, for a
// target that cannot follow, belongs between `streaming` and `waiting`.

export type SubscriptionState =
  | 'starting'
  | 'copying'
  | 'streaming'
  | 'waiting'
  | 'failed'
  | 'stopped';

export const lifecycle: Readonly<Record<SubscriptionState, readonly SubscriptionState[]>> = {
  // Connecting to the target and verifying it.
  starting: ['copying', 'streaming', 'waiting', 'failed', 'stopped'],
  // Initial copy of tables; the slot holds what is written meanwhile.
  copying: ['streaming', 'waiting', 'failed', 'stopped'],
  // Changes are applied as they are committed on the source.
  streaming: ['waiting', 'failed', 'stopped', 'starting'],
  // Something passing went wrong; it is tried again with back-off, for ever.
  waiting: ['starting', 'copying', 'streaming', 'failed', 'stopped'],
  // A person must mend something; it is looked at again, less and less often.
  failed: ['starting', 'copying', 'streaming', 'waiting', 'stopped'],
  // The replicator was stopped in order.
  stopped: ['starting'],
};

export function mayMove(from: SubscriptionState, to: SubscriptionState): boolean {
  return from === to || lifecycle[from].includes(to);
}

const longestFailedMs = 30 * 60_000;

/**
 * How long a subscription that waits for a person stays out of the way: five seconds, so that it goes
 * on soon after it was mended, then twice as long each time up to half an hour, since looking again
 * may make the source's stream begin again for all.
 */
export function failedRetryMs(attempt: number): number {
  return Math.min(longestFailedMs, 5_000 * 2 ** Math.min(attempt, 10));
}
