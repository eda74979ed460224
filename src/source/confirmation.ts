// How far a slot was read, and how far it is confirmed: told to the walsender as soon as more is durable,
// when it asks, and at intervals.
import { type Lsn, maxLsn, zeroLsn } from '../model/lsn.ts';
import type { ReplicationStream } from './capture/replication-stream.ts';
import { appliedByAll, confirmable, type SlotPositions } from './confirmable.ts';
import type { Subscriber } from './subscriber.ts';

/** At most this often, so that a server that asks in a loop while it stops is not kept busy. */
const statusPauseMs = 20;

export class Confirmation {
  readonly #members: () => readonly Subscriber[];
  #stream: ReplicationStream | undefined;
  #receivedLsn: Lsn = zeroLsn;
  #confirmedLsn: Lsn = zeroLsn;
  #replyOwed = false;
  #reported = false;
  #timer: NodeJS.Timeout | undefined;

  /** `members`: those that hold the slot. They come and go. */
  constructor(members: () => readonly Subscriber[]) {
    this.#members = members;
  }

  /** Of a slot that is confirmed to there. */
  begin(lsn: Lsn): void {
    this.#receivedLsn = lsn;
    this.#confirmedLsn = lsn;
    this.#replyOwed = false;
    this.#reported = false;
  }

  /** The walsender is told from now on. */
  open(stream: ReplicationStream): void {
    this.#stream = stream;
    this.#sendSoon();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#stream = undefined;
  }

  /** End of what was handed on, or passed: every transaction before it, and none behind. */
  get receivedLsn(): Lsn {
    return this.#receivedLsn;
  }

  /** What the slot has been told; the server may lag behind it, and never goes beyond. */
  get confirmedLsn(): Lsn {
    return this.#confirmedLsn;
  }

  /** The server has asked for a reply, and not all that was read is confirmed yet. */
  get replyOwed(): boolean {
    return this.#replyOwed;
  }

  received(lsn: Lsn): void {
    this.#receivedLsn = maxLsn(this.#receivedLsn, lsn);
  }

  /** A keepalive has come. */
  heard(replyRequested: boolean): void {
    // The first is answered in any case: until then `status` cannot know that we are not behind.
    if (!replyRequested && this.#reported) return;
    this.#replyOwed ||= replyRequested;
    this.#sendSoon();
  }

  /** A target has applied more. */
  progressed(): void {
    if (this.#replyOwed || this.#confirmable > this.#confirmedLsn) this.#sendSoon();
  }

  /** Now. With `replyRequested` the server answers with how far it has read. */
  send(replyRequested = false): void {
    if (this.#stream === undefined) return;
    this.#reported = true;
    this.#confirmedLsn = this.#confirmable;
    this.#replyOwed &&= this.#confirmedLsn < this.#receivedLsn;
    this.#stream.sendStatus(
      {
        receivedLsn: this.#receivedLsn,
        flushedLsn: this.#confirmedLsn,
        appliedLsn: appliedByAll(this.#members(), this.#positions),
      },
      replyRequested,
    );
  }

  #sendSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.send();
    }, statusPauseMs);
  }

  get #confirmable(): Lsn {
    return confirmable(this.#members(), this.#positions);
  }

  get #positions(): SlotPositions {
    return { confirmedLsn: this.#confirmedLsn, receivedLsn: this.#receivedLsn };
  }
}
