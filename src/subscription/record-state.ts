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

export class StateRecorder {
  readonly #source: DatabaseConfig;
  readonly #log: Logger;
  readonly #latest = new Map<string, [SubscriptionState, ReplicatorError | undefined]>();
  #writing: Promise<void> | undefined;

  constructor(source: DatabaseConfig, log: Logger) {
    this.#source = source;
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

  // Also what is recorded while the session of an earlier write is being closed.
  async #writeAll(): Promise<void> {
    await Promise.resolve();
    while (this.#latest.size > 0 && (await this.#write()));
    this.#writing = undefined;
  }

  // Not worth holding anything up: what cannot be written is written with the next state.
  async #write(): Promise<boolean> {
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
      return true;
    } catch (error) {
      this.#log.debug(
        { source: this.#source.name, code: asReplicatorError(error).code },
        'state not recorded',
      );
      return false;
    }
  }
}
