// One source and its targets: the stream of all, and for each target that cannot follow it a stream
// of its own, until it has caught up. Thus nobody waits for a target that is dead, slow or paused.
import { setTimeout as sleep } from 'node:timers/promises';
import PQueue from 'p-queue';
import type { Logger } from 'pino';
import type { DatabaseConfig } from '../config/config.ts';
import { backoffMs } from '../model/backoff.ts';
import { asReplicatorError, givenUpError, ReplicatorError } from '../model/errors.ts';
import type { Lsn } from '../model/lsn.ts';
import { slotName } from '../postgres/object-names.ts';
import type { DatabaseIdentity } from '../postgres/server-facts.ts';
import { Session } from '../postgres/session.ts';
import { beginOwnStream } from './begin-own-stream.ts';
import { forgetOwnStream } from './forget-own-stream.ts';
import { keepReading } from './keep-reading.ts';
import { Moves } from './moves.ts';
import { asOwner, type OwnerSession } from './ownership/as-owner.ts';
import type { Term } from './ownership/term.ts';
import { renameTarget } from './rename-target.ts';
import { type OwnStream, Seat } from './seat.ts';
import { recordResynced } from './slot-copies.ts';
import { SourceReader } from './source-reader.ts';
import type { Subscriber } from './subscriber.ts';
import { Trouble } from './trouble.ts';
import type { SlotLimits } from './wal-watch.ts';
import { Watch, type WatchOptions } from './watch.ts';

export interface SourceOptions {
  readonly database: DatabaseConfig;
  readonly subscribers: readonly Subscriber[];
  /** Waits until the source is ours. Throws when `stop` is aborted. */
  readonly term: (stop: AbortSignal) => Promise<Term>;
  readonly partBytes: number;
  readonly partChanges: number;
  /** What may wait for a target that is about to come back into the stream. */
  readonly handoverBytes: number;
  readonly limits: SlotLimits;
  readonly onLag: WatchOptions['onLag'];
  /** How often the marker is written; undefined: never. */
  readonly heartbeatMs: number | undefined;
  readonly onStreaming: () => void;
  /** A stream of these targets has failed; `isNew`: for another reason than the last time. */
  readonly onFailure: (
    error: ReplicatorError,
    isNew: boolean,
    targets: readonly Subscriber[],
  ) => void;
  readonly log: Logger;
}

/** How long the first stream waits for the targets, so that they begin it together. */
const gatherMs = 2_000;
const tickMs = 100;
const lookMs = 2_000;

export class Source {
  readonly #options: SourceOptions;
  readonly #seats: readonly Seat[];
  readonly #stream: SourceReader;
  readonly #moves: Moves;
  readonly #watch: Watch;
  readonly #ownStreams = new Set<Promise<void>>();
  /** Moves of targets, and looks at where they stand, one after the other on one session. */
  readonly #moving = new PQueue({ concurrency: 1 });
  /** Aborted when the source is not ours any more, or all is to end. */
  #over: AbortSignal = new AbortController().signal;
  #epoch = 0n;
  #session: Session | undefined;
  #lookDue = 0;
  #beatDue = 0;
  #isKnown = false;
  #waiting: (() => void)[] = [];

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#seats = options.subscribers.map((subscriber) => new Seat(subscriber));
    this.#stream = this.#readerOf(slotName(options.database.name), {
      members: () => this.#membersOfStream,
      onOver: () => this.#moves.streamIsOver(),
    });
    const { database, handoverBytes, limits, onLag, log } = options;
    const common = { seats: this.#seats, writing: async () => await this.#writing(), log };
    const openOwn = (slot: string, seat: Seat) => this.#openOwn(slot, seat);
    this.#moves = new Moves({ ...common, stream: this.#stream, openOwn, handoverBytes });
    this.#watch = new Watch({
      ...common,
      source: database.name,
      moves: this.#moves,
      limits,
      onLag,
    });
  }

  /** Until `stop` is aborted; nothing that a server does ends it. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const term = await this.#options.term(stop).catch(() => undefined);
      if (term === undefined) return;
      this.#over = AbortSignal.any([stop, term.lost]);
      this.#epoch = term.epoch;
      await this.#term(term);
    }
  }

  /** Resolves once it is known which targets are detached, paused or given up. */
  async known(stop: AbortSignal): Promise<void> {
    if ((this.#isKnown && !this.#over.aborted) || stop.aborted) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      stop.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  // What was so in an earlier term may have been changed by another process since.
  async #term({ lineage }: Term): Promise<void> {
    const { subscribers } = this.#options;
    for (const seat of this.#seats) seat.begin();
    await this.#firstLook(lineage.timeline);
    const tending = this.#tend();
    const gathered = Promise.all(subscribers.map(({ settled }) => settled));
    await Promise.race([gathered, this.#pause(gatherMs)]);
    await this.#keepReading(this.#stream, this.#over, () => this.#membersOfStream);
    await tending;
    await Promise.all(this.#ownStreams);
    this.#isKnown = false;
    await this.#session?.close();
  }

  /** The target is ready for what comes after its progress. */
  attached(subscriber: Subscriber): void {
    const seat = this.#seatOf(subscriber);
    const { state } = seat;
    if (state.kind === 'given up') subscriber.refuse(givenUpError(subscriber.name));
    else if (state.kind === 'own slot' || state.kind === 'joining') state.own.reader.restart();
    // Others are not to wait until the stream has come to where it is already.
    else if (state.kind === 'stream' && !this.#moves.servesOthersThan(subscriber))
      this.#stream.restart();
  }

  /** The target has applied more, or made room. */
  progressed(subscriber: Subscriber): void {
    const { state } = this.#seatOf(subscriber);
    this.#stream.progressed();
    if (state.kind === 'own slot' || state.kind === 'joining') state.own.reader.progressed();
  }

  /** Which database the target is: before it attaches, what is kept for that is kept for it. */
  async recognize(subscriber: Subscriber, database: DatabaseIdentity): Promise<void> {
    const seat = this.#seatOf(subscriber);
    // Nobody but the owner writes another name; and the source may be away when the target comes back.
    if (seat.recognized) return;
    await this.#moving.add(async () => {
      await renameTarget(await this.#writing(), subscriber.target, database);
      await this.#look();
      seat.recognized = true;
    });
  }

  /** A person wants the target to begin anew, and it has not yet. */
  mustResync(subscriber: Subscriber): boolean {
    return this.#seatOf(subscriber).resyncAt !== undefined;
  }

  /**
   * Gives the target a new place with its source, and lets `begin` record there where that is, while
   * nobody else can take the source.
   */
  async resync(subscriber: Subscriber, begin: (place: Lsn) => Promise<void>): Promise<void> {
    const seat = this.#seatOf(subscriber);
    const wishedAt = seat.resyncAt;
    if (wishedAt === undefined) return;
    const place = await this.#moving.add(async () => await this.#moves.beginAnew(seat));
    // On a session of its own: the target may be slow, and the moves of others must not wait for it.
    await using session = await this.#connect();
    await asOwner({ session, epoch: this.#epoch }, async () => {
      await begin(place);
      await recordResynced(session, subscriber.target, wishedAt);
    });
    seat.resyncedAt = wishedAt;
    seat.resyncAt = undefined;
  }

  /** It is a target of its own. */
  get #hasOwnStream(): boolean {
    const { database, subscribers } = this.#options;
    return subscribers.some(({ target }) => target === database.name);
  }

  get #membersOfStream(): readonly Subscriber[] {
    return this.#seats.filter(({ holdsStream }) => holdsStream).map(({ subscriber }) => subscriber);
  }

  #seatOf(subscriber: Subscriber): Seat {
    const seat = this.#seats.find((each) => each.subscriber === subscriber);
    if (seat === undefined) throw new ReplicatorError('INTERNAL', 'an unknown target');
    return seat;
  }

  #readerOf(
    slot: string,
    rest: { members: () => readonly Subscriber[]; onOver?: () => void },
  ): SourceReader {
    const { database, partBytes, partChanges, log, onStreaming } = this.#options;
    return new SourceReader({
      database,
      slot,
      partBytes,
      partChanges,
      onStreaming,
      log,
      ...rest,
    });
  }

  #openOwn(slot: string, seat: Seat): OwnStream {
    const members = [seat.subscriber];
    const reader = this.#readerOf(slot, {
      members: () => members,
      onOver: () => {
        if (seat.state.kind === 'joining') seat.state.handover.fail();
      },
    });
    const stop = new AbortController();
    const over = AbortSignal.any([this.#over, stop.signal]);
    const reading = this.#keepReading(reader, over, () => members).finally(() =>
      this.#ownStreams.delete(reading),
    );
    this.#ownStreams.add(reading);
    return { reader, stop };
  }

  async #keepReading(
    reader: SourceReader,
    stop: AbortSignal,
    members: () => readonly Subscriber[],
  ): Promise<void> {
    const { term, onFailure } = this.#options;
    await keepReading(reader, stop, term, (error, isNew) => onFailure(error, isNew, members()));
  }

  async #firstLook(timeline: bigint): Promise<void> {
    const trouble = new Trouble();
    for (let attempt = 0; !this.#over.aborted; attempt++) {
      try {
        await this.#moving.add(async () => {
          const writing = await this.#writing();
          if (this.#hasOwnStream) await beginOwnStream(writing, timeline);
          else await forgetOwnStream(writing);
          await this.#look();
        });
        break;
      } catch (thrown) {
        const error = asReplicatorError(thrown);
        this.#options.onFailure(error, trouble.isNew(error), this.#options.subscribers);
        await this.#pause(backoffMs(attempt, Math.random()));
      }
    }
    this.#isKnown = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #tend(): Promise<void> {
    while (!this.#over.aborted) {
      try {
        await this.#moving.add(async () => {
          if (performance.now() >= this.#lookDue) await this.#look();
          for (const seat of this.#seats) await this.#moves.tend(seat);
          this.#moves.endHoldUp();
        });
      } catch (thrown) {
        // The stream finds out as well, and says it.
        const { code, message } = asReplicatorError(thrown);
        this.#options.log.debug({ source: this.#options.database.name, code }, message);
        this.#lookDue = performance.now() + lookMs;
      }
      await this.#pause(tickMs);
    }
  }

  async #look(): Promise<void> {
    const { heartbeatMs } = this.#options;
    await this.#watch.look();
    this.#lookDue = performance.now() + lookMs;
    if (heartbeatMs === undefined || !this.#stream.streaming || performance.now() < this.#beatDue)
      return;
    this.#beatDue = performance.now() + heartbeatMs;
    const { session } = await this.#writing();
    await session.query('update replicator.marker set marked = marked + 1');
  }

  async #writing(): Promise<OwnerSession> {
    return { session: await this.#connected(), epoch: this.#epoch };
  }

  async #connected(): Promise<Session> {
    if (this.#session === undefined || this.#session.lost.aborted)
      this.#session = await this.#connect();
    return this.#session;
  }

  async #connect(): Promise<Session> {
    const { database } = this.#options;
    return await Session.connect(database, {
      purpose: 'control',
      name: database.name,
      settings: {
        // What is recorded must outlive a crash, whatever the database has set.
        synchronous_commit: 'local',
        // A process that is frozen in the middle of a move would keep the lease locked, and others
        // from taking it. Shorter than they wait.
        idle_in_transaction_session_timeout: '3s',
      },
      // Moves of other targets wait for it.
      askAfterMs: 10_000,
    });
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#over }).catch(() => {});
  }
}
