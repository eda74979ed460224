// The states of a subscription and the only moves between them. A later state `detached`, for a
// target that cannot follow, belongs between `streaming` and `waiting`.

export type SubscriptionState =
  | 'starting'
  | 'copying'
  | 'streaming'
  | 'waiting'
  | 'failed'
  | 'stopped';

interface StateKind {
  readonly means: string;
  readonly next: readonly SubscriptionState[];
}

export const lifecycle: Readonly<Record<SubscriptionState, StateKind>> = {
  starting: {
    means: 'connecting to the target and verifying it',
    next: ['copying', 'streaming', 'waiting', 'failed', 'stopped'],
  },
  copying: {
    means: 'initial copy of tables; the slot holds what is written meanwhile',
    next: ['streaming', 'waiting', 'failed', 'stopped'],
  },
  streaming: {
    means: 'changes are applied as they are committed on the source',
    next: ['waiting', 'failed', 'stopped', 'starting'],
  },
  waiting: {
    means: 'something passing went wrong; it is tried again with back-off, for ever',
    next: ['starting', 'copying', 'streaming', 'failed', 'stopped'],
  },
  failed: {
    means: 'a person must mend something; it is looked at again every minute',
    next: ['starting', 'copying', 'streaming', 'waiting', 'stopped'],
  },
  stopped: { means: 'the replicator was stopped', next: ['starting'] },
};

export function mayMove(from: SubscriptionState, to: SubscriptionState): boolean {
  return from === to || lifecycle[from].next.includes(to);
}

const longestFailedMs = 30 * 60_000;

/**
 * How long a subscription that waits for a person stays out of the way: a minute, then longer each
 * time up to half an hour, since looking again may make the source's stream begin again for all.
 */
export function failedRetryMs(attempt: number): number {
  return Math.min(longestFailedMs, 60_000 * 2 ** Math.min(attempt, 10));
}
