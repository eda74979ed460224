// What the daemon last knew of a subscription, on the source: `status` reads it there also when
// the target, or the daemon, is down.
import type { Logger } from 'pino';
import type { DatabaseConfig } from '../config/config.ts';
import { asReplicatorError, type ReplicatorError } from '../model/errors.ts';
import { Session } from '../postgres/session.ts';
import type { SubscriptionState } from './lifecycle.ts';

const recordQuery = `
  update replicator.subscriptions
  set state = $2,
      state_since = case when state = $2 then state_since else now() end,
      error_code = $3, error_message = $4, error_hint = $5,
      error_at = case when $3::text is null then error_at else now() end
  where target = $1`;

/** What could not be written is tried again after so long. */
const againMs = 2_000;

export class StateRecorder {
  readonly #source: DatabaseConfig;
  readonly #isOurs: () => boolean;
  readonly #log: Logger;
  readonly #latest = new Map<string, [SubscriptionState, ReplicatorError | undefined]>();
  #writing: Promise<void> | undefined;
  #again: NodeJS.Timeout | undefined;
  #closed = false;

  /** `isOurs`: whether no other process can have the source by now, and have recorded something newer. */
  constructor(source: DatabaseConfig, isOurs: () => boolean, log: Logger) {
    this.#source = source;
    this.#isOurs = isOurs;
    this.#log = log;
  }

  record(target: string, state: SubscriptionState, error: ReplicatorError | undefined): void {
    this.#latest.set(target, [state, error]);
    this.#writing ??= this.#writeAll();
  }

  /** Resolves once everything recorded so far was written, or could not be. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  /** The same, and nothing is tried again any more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#again);
    await this.#writing;
  }

  // Also what is recorded while the session of an earlier write is being closed.
  async #writeAll(): Promise<void> {
    await Promise.resolve();
    clearTimeout(this.#again);
    let failure: ReplicatorError | undefined;
    while (this.#latest.size > 0 && failure === undefined) failure = await this.#write();
    this.#writing = undefined;
    // What a person must mend first is written with the next state.
    if (failure?.retry === 'timed') this.#tryLater();
  }

  #tryLater(): void {
    if (this.#closed) return;
    this.#again = setTimeout(() => {
      if (this.#isOurs()) this.#writing ??= this.#writeAll();
      else this.#tryLater();
    }, againMs).unref();
  }

  // Not worth holding anything up.
  async #write(): Promise<ReplicatorError | undefined> {
    try {
      await using session = await Session.connect(this.#source, {
        purpose: 'status',
        name: this.#source.name,
        replyTimeoutMs: 5_000,
        // Else the server would go on with it when we have given it up: behind a standby that is away, or a lock.
        settings: { synchronous_commit: 'local', lock_timeout: '2s' },
      });
      for (const [target, latest] of this.#latest) {
        const [state, error] = latest;
        const values = [target, state, error?.code, error?.message, error?.hint];
        await session.query(
          recordQuery,
          values.map((value) => value ?? null),
        );
        if (this.#latest.get(target) === latest) this.#latest.delete(target);
      }
      return undefined;
    } catch (thrown) {
      const error = asReplicatorError(thrown);
      this.#log.debug({ source: this.#source.name, code: error.code }, 'state not recorded');
      return error;
    }
  }
}
