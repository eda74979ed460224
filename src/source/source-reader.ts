// Reads one slot of a source once, and hands each transaction to every attached target: the slot of
// all, or the copy of it that belongs to one target which cannot follow. Calls go downstream; what
// comes back is only how far each target is durable.
import type { Logger } from 'pino';
import type { DatabaseConfig } from '../config/config.ts';
import { asReplicatorError } from '../model/errors.ts';
import { formatLsn, type Lsn, zeroLsn } from '../model/lsn.ts';
import type { TransactionPart } from '../model/transaction.ts';
import { endFormerReader } from '../postgres/end-former-reader.ts';
import { publicationName } from '../postgres/object-names.ts';
import { Session } from '../postgres/session.ts';
import { Audience } from './audience.ts';
import { Liveness, silenceLimitMs } from './capture/liveness.ts';
import { watchPublication } from './capture/publication-watch.ts';
import { ReplicationStream } from './capture/replication-stream.ts';
import { findGap, type SlotPosition, verifySlot } from './capture/slot-identity.ts';
import { SourceClock } from './capture/source-clock.ts';
import { Confirmation } from './confirmation.ts';
import { PgoutputDecoder } from './decode/pgoutput-decoder.ts';
import { TransactionAssembler } from './decode/transaction-assembler.ts';
import { untilReleased } from './farewell.ts';
import type { Handover } from './handover.ts';
import { expectOwner } from './ownership/as-owner.ts';
import type { Term } from './ownership/term.ts';
import { restMs } from './rest.ts';
import type { Subscriber } from './subscriber.ts';

export interface ReaderOptions {
  readonly database: DatabaseConfig;
  readonly slot: string;
  /** Those that hold the slot, whether or not they take part in the stream. They come and go. */
  readonly members: () => readonly Subscriber[];
  readonly partBytes: number;
  readonly partChanges: number;
  readonly onStreaming: () => void;
  /** The stream is over, for whatever cause; called before another one begins. */
  readonly onOver?: () => void;
  readonly log: Logger;
}

/** How often the source's clock is read, and it is looked whether the publication is still what it was. */
const watchMs = 5_000;

export class SourceReader {
  readonly #options: ReaderOptions;
  #stream: ReplicationStream | undefined;
  #assembler: TransactionAssembler | undefined;
  #decoder: PgoutputDecoder | undefined;
  readonly #confirmation: Confirmation;
  #paused = false;
  /** Parts of a transaction were handed on whose end has not come yet. */
  #midTransaction = false;
  #restartDue = false;
  #restart = new AbortController();
  readonly #audience = new Audience();
  #clock: SourceClock | undefined;
  #end: { readonly lsn: Lsn; readonly onReached: () => void } | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#confirmation = new Confirmation(options.members);
  }

  /**
   * One attempt, in the term in which the targets were judged: waits until a target is attached,
   * unless there is none that holds the slot; verifies the slot, and streams until the connection
   * breaks, `restart` is called, nobody is served any more, or `stop` is aborted. Throws
   * ReplicatorError for the first of these, and FENCED when the source is another process's.
   */
  async run(stop: AbortSignal, term: Term): Promise<void> {
    const { database, slot } = this.#options;
    this.#restart = new AbortController();
    if (this.#nobodyTakesPart) {
      await aborted(AbortSignal.any([stop, this.#restart.signal]));
      if (stop.aborted) return;
      this.#restart = new AbortController();
    }
    await using control = await Session.connect(database, {
      purpose: 'control',
      name: database.name,
      askAfterMs: 10_000,
    });
    const publication = publicationName(database.name);
    const position = await verifySlot(control, slot, publication, term.lineage.timeline);
    this.#refuseGaps(position);
    this.#begin(position);
    this.#clock = new SourceClock(control);
    if (this.#nobodyIsServed) return;
    await endFormerReader(control, slot, 'walsender');
    const stream = await ReplicationStream.open(database, {
      slot,
      publication,
      server: position.facts,
      onMessage: (bytes, start, end) => this.#decoder?.decode(bytes, start, end),
      onKeepalive: (walEnd, replyRequested) => this.#onKeepalive(walEnd, replyRequested),
      restMs: (sentAt) => restMs(this.#ageMs(sentAt), this.#audience),
    });
    try {
      // The slot is held by now: whoever takes the source later ends this stream before.
      await expectOwner({ session: control, epoch: term.epoch });
      await this.#read(stream, control, position, stop);
      if (stop.aborted && !term.lost.aborted) this.#confirmation.send();
    } finally {
      this.#confirmation.close();
      this.#stream = undefined;
      await stream.close();
      this.#audience.interrupted();
      this.#options.onOver?.();
    }
  }

  /** Until the stream is over; nothing is confirmed before. */
  async #read(
    stream: ReplicationStream,
    control: Session,
    position: SlotPosition,
    stop: AbortSignal,
  ): Promise<void> {
    const { database, slot, log } = this.#options;
    this.#stream = stream;
    // It may have become full with what was read together with the answer.
    this.#paused = this.#audience.anyFull;
    if (this.#paused) stream.pause();
    log.info({ source: database.name, slot, lsn: formatLsn(position.confirmedLsn) }, 'streaming');
    this.#options.onStreaming();
    this.#confirmation.open(stream);
    const liveness = new Liveness(stream, control, slot);
    const ticker = setInterval(() => this.#tick(stream, liveness), statusIntervalMs(position));
    const publication = publicationName(database.name);
    const subscribers = () => this.#audience.everybody;
    const look = () =>
      watchPublication(control, publication, { oid: position.publicationOid, subscribers })
        .then(() => this.#clock?.read())
        .catch((error: unknown) => {
          // Whatever else goes wrong with this connection is told by itself.
          if (asReplicatorError(error).code === 'PUBLICATION_CHANGED') stream.end(error);
        });
    void look();
    const watch = setInterval(() => void look(), watchMs);
    try {
      await this.#untilOver(stream, control, stop);
    } finally {
      clearInterval(ticker);
      clearInterval(watch);
    }
  }

  /** End of what was handed on, or passed: every transaction before it, and none behind. */
  get receivedLsn(): Lsn {
    return this.#confirmation.receivedLsn;
  }

  /** What the slot has been told; the server may lag behind it, and never goes beyond. */
  get confirmedLsn(): Lsn {
    return this.#confirmation.confirmedLsn;
  }

  /** Aborted when another stream is wanted than the one that there is, or was last. */
  get restarted(): AbortSignal {
    return this.#restart.signal;
  }

  get streaming(): boolean {
    return this.#stream !== undefined;
  }

  /** Reading waits because the queue of one of them is full. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Those to whom the stream hands what it reads. */
  get served(): readonly Subscriber[] {
    return this.#stream === undefined ? [] : this.#audience.served;
  }

  /** A target has applied more, made room, or attached: confirm it and read on. */
  progressed(): void {
    if (this.#stream === undefined) return;
    if (this.#nobodyIsServed) return this.restart();
    if (this.#paused && !this.#audience.anyFull) {
      this.#paused = false;
      this.#stream.resume();
    } else if (this.#audience.anyIdle) this.#stream.wake();
    this.#confirmation.progressed();
  }

  /**
   * Begins the stream again from the slot's position, for a target that needs it from there. Not in
   * the middle of a transaction: a target that fails and comes back again and again would keep the
   * others from ever seeing the end of a long one.
   */
  restart(): void {
    this.#restartDue = this.#midTransaction && this.served.length > 0;
    if (!this.#restartDue) this.#restart.abort();
  }

  /** From the next transaction on the handover is given what comes. */
  admit(handover: Handover): void {
    this.#audience.admit(handover);
    if (this.#assembler?.insideTransaction === false) this.#letIn();
  }

  dismiss(handover: Handover): void {
    this.#audience.dismiss(handover);
  }

  /** Its target is one of those served, from where the handover ends. */
  complete(handover: Handover): void {
    this.#audience.complete(handover);
    this.#pauseWhenFull();
  }

  /**
   * Hands on what ends at or before `lsn`, the end of a transaction or a position that was passed,
   * and nothing behind it. Then it serves nobody any more, and calls `onReached`.
   */
  endAt(lsn: Lsn, onReached: () => void): void {
    this.#end = { lsn, onReached };
    if (this.#midTransaction || this.#endsAt(this.receivedLsn)) return;
    // The answer says how far the server has read, also where nothing is left to be sent.
    this.#confirmation.send(true);
  }

  dropEnd(): void {
    this.#end = undefined;
  }

  /** Of the transaction that was begun last, by its server's clock. */
  #ageMs(sentAt: number): number {
    return (sentAt - Number(this.#assembler?.commitTime ?? sentAt)) / 1_000;
  }

  get #nobodyTakesPart(): boolean {
    const members = this.#options.members();
    return members.length > 0 && !members.some(({ attachment }) => attachment !== 0);
  }

  // Without any member it reads on for nobody, so that the slot lets WAL go.
  get #nobodyIsServed(): boolean {
    return this.#audience.served.length === 0 && this.#options.members().length > 0;
  }

  #refuseGaps(position: SlotPosition): void {
    for (const subscriber of this.#options.members()) {
      if (subscriber.attachment === 0 || subscriber.flushedLsn === undefined) continue;
      const gap = findGap(subscriber, subscriber.flushedLsn, position);
      if (gap !== undefined) subscriber.refuse(gap);
    }
  }

  #begin(position: SlotPosition): void {
    this.#audience.begin(this.#options.members());
    this.#end = undefined;
    this.#confirmation.begin(position.confirmedLsn);
    this.#paused = false;
    this.#midTransaction = false;
    this.#restartDue = false;
    const assembler = new TransactionAssembler({
      partBytes: this.#options.partBytes,
      partChanges: this.#options.partChanges,
      wants: (table) => this.#audience.wants(table),
      onPart: (part) => this.#handOn(part),
      onRefused: (table, commitLsn, error) => this.#audience.refuse(table, commitLsn, error),
      onPassed: (endLsn) => this.#passed(endLsn, false),
    });
    this.#assembler = assembler;
    this.#decoder = new PgoutputDecoder(assembler);
  }

  #handOn(part: TransactionPart): void {
    // Whatever begins to commit at a position ends behind it.
    if (part.first && this.#endsAt(part.transaction.commitLsn)) return;
    this.#audience.receive(part);
    this.#midTransaction = part.endLsn === undefined;
    if (part.endLsn !== undefined) {
      this.#confirmation.received(part.endLsn);
      this.#endsAt(part.endLsn);
      this.#letIn();
      if (this.#restartDue) this.restart();
    }
    this.#pauseWhenFull();
  }

  #endsAt(lsn: Lsn): boolean {
    const end = this.#end;
    if (end === undefined || lsn < end.lsn) return false;
    this.#end = undefined;
    this.#audience.clear();
    this.restart();
    end.onReached();
    return true;
  }

  #letIn(): void {
    if (this.#audience.letIn(this.receivedLsn)) this.#assembler?.wantsMore();
  }

  async #untilOver(stream: ReplicationStream, control: Session, stop: AbortSignal): Promise<void> {
    const restart = this.#restart.signal;
    const over = AbortSignal.any([stop, restart, stream.ended, control.lost]);
    await aborted(over);
    if (stop.aborted || restart.aborted) return;
    if (!stream.ended.aborted)
      await untilReleased({
        ended: stream.ended,
        received: () => this.receivedLsn,
        isDelivered: () => this.#isDelivered,
      });
    throw asReplicatorError(stream.ended.aborted ? stream.ended.reason : control.lost.reason);
  }

  get #isDelivered(): boolean {
    if (!this.#confirmation.replyOwed || this.#assembler?.insideTransaction !== false) return false;
    return this.served.every(
      ({ present, flushedLsn }) => !present || (flushedLsn ?? zeroLsn) >= this.receivedLsn,
    );
  }

  // A position in a keepalive says that nothing before it is left to be sent; while a transaction
  // is being received that is not yet so.
  #onKeepalive(walEnd: Lsn, replyRequested: boolean): void {
    if (this.#assembler?.insideTransaction === false) this.#passed(walEnd, replyRequested);
    this.#confirmation.heard(replyRequested);
  }

  #passed(lsn: Lsn, urgent: boolean): void {
    this.#confirmation.received(lsn);
    const end = this.#end;
    // What the source's clock says holds for the whole of `lsn` only.
    if (end === undefined || lsn <= end.lsn)
      this.#audience.passed(lsn, urgent, this.#clock?.seenAt(lsn));
    else this.#audience.passed(end.lsn, urgent);
    this.#endsAt(lsn);
    this.#letIn();
  }

  #pauseWhenFull(): void {
    if (this.#paused || !this.#audience.anyFull) return;
    this.#paused = true;
    this.#stream?.pause();
  }

  #tick(stream: ReplicationStream, liveness: Liveness): void {
    if (!this.#paused) void liveness.endIfDead();
    // With wal_sender_timeout = 0 the server would stay silent of itself.
    this.#confirmation.send(stream.silentMs > silenceLimitMs / 3);
  }
}

function statusIntervalMs({ walSenderTimeoutMs }: SlotPosition): number {
  return walSenderTimeoutMs === 0 ? 5_000 : Math.min(5_000, Math.max(100, walSenderTimeoutMs / 4));
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
