// The states of a subscription and the only moves between them. Whether its source keeps a slot of
// its own for it is another question (source/source.ts): so it is while it catches up, while it is
// paused, and soon after it has begun to wait or has failed.
import type { Logger } from 'pino';
import type { ReplicatorError } from '../model/errors.ts';
import { formatLsn, type Lsn } from '../model/lsn.ts';

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

export interface LifecycleOptions {
  readonly name: string;
  readonly onState: (state: SubscriptionState, error: ReplicatorError | undefined) => void;
  readonly log: Logger;
}

/** Where one subscription is in it, and why; each move is logged. */
export class Lifecycle {
  readonly #options: LifecycleOptions;
  #state: SubscriptionState = 'starting';
  #error: ReplicatorError | undefined;

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  /** Why it is not streaming; undefined while nothing is wrong. */
  get error(): ReplicatorError | undefined {
    return this.#error;
  }

  move(state: SubscriptionState, error?: ReplicatorError): void {
    if (state === this.#state && error === undefined) return;
    const { name, log, onState } = this.#options;
    if (!mayMove(this.#state, state))
      log.error({ subscription: name, from: this.#state, to: state }, 'bad move');
    if (state !== this.#state) log.info({ subscription: name, state }, 'subscription state');
    this.#state = state;
    this.#error = error;
    onState(state, error);
  }

  /** `lsn`: what the target has for certain. */
  failed(error: ReplicatorError, lsn: Lsn | undefined): void {
    const { log, name } = this.#options;
    const facts = {
      subscription: name,
      code: error.code,
      sqlstate: error.sqlstate,
      hint: error.hint,
      ...(lsn !== undefined && { lsn: formatLsn(lsn) }),
    };
    if (error.retry === 'timed') {
      // Once per trouble, not once per attempt.
      if (this.#error?.code !== error.code) log.warn(facts, error.message);
      this.move('waiting', error);
    } else {
      log.error(facts, error.message);
      this.move('failed', error);
    }
  }
}
