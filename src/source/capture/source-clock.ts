// Until when a source was seen, by its own clock. A keepalive tells the time at which it was sent, whatever a walsender
// that is behind has still to send. So the clock is read together with the end of the WAL, and that time was seen once
// the stream has come to that end.
import { parseCommitTime } from '../../model/commit-time.ts';
import { type Lsn, parseLsn } from '../../model/lsn.ts';
import type { Session } from '../../postgres/session.ts';

export class SourceClock {
  readonly #control: Session;
  /** Where the stream has not been yet. */
  #ahead: { readonly lsn: Lsn; readonly time: bigint } | undefined;

  constructor(control: Session) {
    this.#control = control;
  }

  /** Not again before the stream has come there: one that is always behind would never get to the newest end. */
  async read(): Promise<void> {
    if (this.#ahead !== undefined) return;
    // What is inserted, not what is flushed: a commit that waits for the disk has its time already. And now() is the
    // time at which the statement began.
    const { time, lsn } = await this.#control.one<{ time: string; lsn: string }>(
      `select pg_catalog.now()::text as time,
              pg_catalog.pg_current_wal_insert_lsn()::text as lsn`,
    );
    this.#ahead = { time: parseCommitTime(time), lsn: parseLsn(lsn) };
  }

  /** What is newly seen where nothing before `lsn` is left to come; undefined: no more than before. */
  seenAt(lsn: Lsn): bigint | undefined {
    if (this.#ahead === undefined || lsn < this.#ahead.lsn) return undefined;
    const { time } = this.#ahead;
    this.#ahead = undefined;
    return time;
  }
}
