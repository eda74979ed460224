// The states of a subscription and the only moves between them. Whether its source keeps a slot of
// its own for it is another question (source/source.ts): so it is while it catches up, while it is
// paused, and soon after it has begun to wait or has failed.

export type SubscriptionState =
  | 'starting'
  | 'copying'
  | 'streaming'
  | 'catching_up'
  | 'waiting'
  | 'failed'
  | 'paused'
  | 'stopped';

export const lifecycle: Readonly<Record<SubscriptionState, readonly SubscriptionState[]>> = {
  // Connecting to the target and verifying it.
  starting: ['copying', 'streaming', 'catching_up', 'waiting', 'failed', 'paused', 'stopped'],
  // Initial copy of tables; the slot holds what is written meanwhile.
  copying: ['streaming', 'catching_up', 'waiting', 'failed', 'paused', 'stopped'],
  // Changes are applied as they are committed on the source.
  streaming: ['catching_up', 'waiting', 'failed', 'paused', 'stopped'],
  // It was away, paused or too slow: changes are applied from a slot of its own, up to the stream.
  catching_up: ['streaming', 'waiting', 'failed', 'paused', 'stopped'],
  // Something passing went wrong; it is tried again with back-off, for ever.
  waiting: ['starting', 'copying', 'streaming', 'catching_up', 'failed', 'paused', 'stopped'],
  // A person must mend something; it is looked at again, less and less often.
  failed: ['starting', 'copying', 'streaming', 'catching_up', 'waiting', 'paused', 'stopped'],
  // A person said so, and says when it goes on.
  paused: ['starting', 'stopped'],
  // The replicator was stopped in order.
  stopped: ['starting'],
};

export function mayMove(from: SubscriptionState, to: SubscriptionState): boolean {
  return from === to || lifecycle[from].includes(to);
}
