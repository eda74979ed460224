// Whether a stream that says nothing is dead, whatever its socket says, or its server is very busy.
import type { Session } from '../../postgres/session.ts';
import type { ReplicationStream } from './replication-stream.ts';

/** A stream that is silent for longer must be looked at. */
export const silenceLimitMs = 15_000;
/** How long its server may take to say which. */
const answerLimitMs = 10_000;

export class Liveness {
  readonly #stream: ReplicationStream;
  readonly #control: Session;
  readonly #slot: string;
  #asking = false;

  constructor(stream: ReplicationStream, control: Session, slot: string) {
    this.#stream = stream;
    this.#control = control;
    this.#slot = slot;
  }

  /**
   * A walsender that decodes a large transaction of which nothing is published is silent for half of
   * wal_sender_timeout, and on old versions for as long as it takes: begun again, it would be so
   * again, for ever. So its server is asked; there a dead connection times out.
   */
  async endIfDead(): Promise<void> {
    if (this.#asking || this.#stream.silentMs <= silenceLimitMs) return;
    this.#asking = true;
    const late = setTimeout(() => this.#stream.destroy(), answerLimitMs);
    try {
      const reading = await this.#control.query(
        'select from pg_catalog.pg_replication_slots where slot_name = $1 and active_pid = $2',
        [this.#slot, this.#stream.pid],
      );
      if (reading.length === 0) this.#stream.destroy();
    } catch {
      this.#stream.destroy();
    } finally {
      clearTimeout(late);
      this.#asking = false;
    }
  }
}
