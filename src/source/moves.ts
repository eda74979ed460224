// The moves of targets between the stream of all and slots of their own. Each is written to the source
// in an order in which no crash loses a place: docs/adr/0020-a-slot-of-its-own.md.
import type { Logger } from 'pino';
import { asReplicatorError, givenUpError } from '../model/errors.ts';
import type { Lsn } from '../model/lsn.ts';
import { Handover } from './handover.ts';
import type { OwnerSession } from './ownership/as-owner.ts';
import type { OwnStream, Seat } from './seat.ts';
import { dropCopy, makeCopy, replaceCopy, type SlotCopy } from './slot-copies.ts';
import type { SourceReader } from './source-reader.ts';
import type { Subscriber } from './subscriber.ts';

export interface MovesOptions {
  readonly seats: readonly Seat[];
  readonly stream: SourceReader;
  /** Begins to read a slot for one target. */
  readonly openOwn: (slot: string, seat: Seat) => OwnStream;
  readonly writing: () => Promise<OwnerSession>;
  /** What may wait for a target that is about to come back into the stream. */
  readonly handoverBytes: number;
  readonly log: Logger;
}

/** A target that is not in the stream of others for longer gets a slot of its own. */
const outsideMs = 5_000;
/** So does any that is away for longer: a restart of its server is shorter than that. */
const awayMs = 60_000;
/** How long others may have nothing to do because the queue of one target is full. */
const holdUpMs = 1_000;
/** How long nothing is tried after a failure on the source, and after a handover that failed. */
const retryMs = 10_000;
const joinAgainMs = 2_000;

export class Moves {
  readonly #options: MovesOptions;

  constructor(options: MovesOptions) {
    this.#options = options;
  }

  servesOthersThan(subscriber: Subscriber): boolean {
    return this.#options.stream.served.some((other) => other !== subscriber);
  }

  /** What is due for the target by now. */
  async tend(seat: Seat): Promise<void> {
    seat.observe(performance.now());
    const { state, subscriber } = seat;
    if (seat.spentCopy !== undefined) return await this.#removeSpent(seat, seat.spentCopy);
    switch (state.kind) {
      case 'stream':
        if (this.#mustDetach(seat)) await this.#detach(seat);
        return;
      case 'own slot':
        if (this.#mayJoin(seat)) this.#beginJoin(seat);
        return;
      case 'joining':
        if (state.handover.failed) this.#endJoin(seat);
        return;
      case 'joined':
        if (!this.#options.stream.served.includes(subscriber) || this.#mustNotHoldStream(seat))
          this.takeOwnSlot(seat, state.copy);
        else if ((subscriber.securedLsn ?? 0n) >= this.#options.stream.confirmedLsn) {
          // From here on it has a place in the stream of all, whatever comes.
          seat.state = { kind: 'stream' };
          seat.spentCopy = state.copy;
          await this.#removeSpent(seat, state.copy);
        }
        return;
      case 'given up':
        return;
    }
  }

  #mustDetach(seat: Seat): boolean {
    const { subscriber, restUntil } = seat;
    const now = performance.now();
    if (now < restUntil) return false;
    if (this.#mustNotHoldStream(seat)) return true;
    const isOutside =
      this.servesOthersThan(subscriber) && !this.#options.stream.served.includes(subscriber);
    seat.outsideSince = isOutside ? (seat.outsideSince ?? now) : undefined;
    if (seat.outsideSince === undefined) return false;
    // Ready for the stream, which is past its place.
    if (subscriber.attachment !== 0) return true;
    return now - seat.outsideSince > outsideMs;
  }

  /** Whoever else there is, and also while it still has its copy. */
  #mustNotHoldStream({ subscriber, mustLeave, awaySince }: Seat): boolean {
    if (subscriber.paused || mustLeave) return true;
    return awaySince !== undefined && performance.now() - awaySince > awayMs;
  }

  async #detach(seat: Seat): Promise<void> {
    const { log } = this.#options;
    const { subscriber } = seat;
    try {
      const copy = await makeCopy(await this.#options.writing(), subscriber.target);
      log.info({ subscription: subscriber.name, slot: copy.slot }, 'detached');
      seat.trouble = undefined;
      this.takeOwnSlot(seat, copy);
    } catch (thrown) {
      const { code, message, hint } = asReplicatorError(thrown);
      // Once per trouble, not once per attempt.
      if (seat.trouble !== code)
        log.warn({ subscription: subscriber.name, code, hint }, `not detached: ${message}`);
      seat.trouble = code;
      seat.restUntil = performance.now() + retryMs;
      // All begin again where it stands: the others wait for a moment, and lose nothing.
      if (subscriber.attachment !== 0) this.#options.stream.restart();
    }
  }

  /** Gives up whatever place it has for a new one, which holds everything behind the position given. */
  async beginAnew(seat: Seat): Promise<Lsn> {
    this.loseOwnSlot(seat, 'given up');
    const copy = await replaceCopy(await this.#options.writing(), seat.subscriber.target);
    this.#options.log.info({ subscription: seat.subscriber.name, slot: copy.slot }, 'begins anew');
    this.takeOwnSlot(seat, copy);
    return copy.lsn;
  }

  /** The copy holds its place from now on, and the slot of all goes on without it. */
  takeOwnSlot(seat: Seat, copy: SlotCopy): void {
    const { subscriber } = seat;
    const own = this.#options.openOwn(copy.slot, seat);
    seat.state = { kind: 'own slot', own, copy };
    seat.outsideSince = undefined;
    subscriber.placed('own slot');
    // Also of a stream that is ending, or not begun yet: two of them must not fill one inbox.
    subscriber.leave();
    // It may have been the one that was waited for.
    this.#options.stream.progressed();
    if (!this.#options.stream.streaming) this.#options.stream.restart();
  }

  #mayJoin({ state, subscriber, mustLeave, restUntil }: Seat): boolean {
    if (state.kind !== 'own slot' || mustLeave || performance.now() < restUntil) return false;
    if (subscriber.paused || subscriber.full || this.#options.stream.paused) return false;
    if (!this.#options.stream.streaming || !state.own.reader.served.includes(subscriber))
      return false;
    const distance = this.#options.stream.receivedLsn - (subscriber.appliedLsn ?? 0n);
    return distance <= BigInt(this.#options.handoverBytes);
  }

  #beginJoin(seat: Seat): void {
    const { state, subscriber } = seat;
    if (state.kind !== 'own slot') return;
    const { own, copy } = state;
    const handover = new Handover({
      subscriber,
      maxBytes: this.#options.handoverBytes,
      onBegin: (lsn) => own.reader.endAt(lsn, () => this.#join(seat)),
    });
    seat.state = { kind: 'joining', own, copy, handover };
    this.#options.stream.admit(handover);
  }

  /** Its own stream has brought all that the handover lacks. */
  #join(seat: Seat): void {
    const { state, subscriber } = seat;
    if (state.kind !== 'joining') return;
    if (state.handover.failed) return this.#endJoin(seat);
    seat.state = { kind: 'joined', copy: state.copy };
    subscriber.placed('stream');
    this.#options.stream.complete(state.handover);
    state.own.stop.abort();
  }

  /** It stays with its own slot, and tries again. */
  #endJoin(seat: Seat): void {
    const { state } = seat;
    if (state.kind !== 'joining') return;
    this.#options.stream.dismiss(state.handover);
    state.own.reader.dropEnd();
    seat.state = { kind: 'own slot', own: state.own, copy: state.copy };
    seat.restUntil = performance.now() + joinAgainMs;
  }

  // A target that has only just joined may lack what the slot of all has let go: it has its copy.
  streamIsOver(): void {
    for (const seat of this.#options.seats)
      if (seat.state.kind === 'joined') {
        seat.subscriber.leave();
        this.takeOwnSlot(seat, seat.state.copy);
      }
  }

  async #removeSpent(seat: Seat, copy: SlotCopy): Promise<void> {
    const { subscriber } = seat;
    const securedLsn = subscriber.securedLsn ?? 0n;
    if (await dropCopy(await this.#options.writing(), copy, securedLsn)) {
      seat.spentCopy = undefined;
      this.#options.log.info({ subscription: subscriber.name, slot: copy.slot }, 'attached');
      return;
    }
    // Its target was set back meanwhile.
    seat.spentCopy = undefined;
    subscriber.leave();
    this.takeOwnSlot(seat, copy);
  }

  /** A target whose queue is full while others have nothing to do leaves the stream. */
  endHoldUp(): void {
    if (!this.#options.stream.paused) return;
    const { served } = this.#options.stream;
    if (!served.some(({ idle }) => idle)) return;
    const now = performance.now();
    for (const { subscriber, fullSince, restUntil } of this.#options.seats)
      if (
        served.includes(subscriber) &&
        subscriber.full &&
        fullSince !== undefined &&
        now - fullSince > holdUpMs &&
        now > restUntil
      ) {
        this.#options.log.warn(
          { subscription: subscriber.name },
          'its target cannot follow: it gets a slot of its own',
        );
        subscriber.leave();
      }
  }

  /** Its copy is gone, or will be. */
  loseOwnSlot(seat: Seat, kind: 'stream' | 'given up'): void {
    const { subscriber, state } = seat;
    if (state.kind === kind) return;
    if (state.kind === 'joining') this.#options.stream.dismiss(state.handover);
    if (state.kind === 'own slot' || state.kind === 'joining') state.own.stop.abort();
    seat.state = { kind };
    seat.spentCopy = undefined;
    subscriber.placed('stream');
    if (kind === 'given up') subscriber.refuse(givenUpError(subscriber.name));
    else subscriber.leave();
  }
}
