// Looks at a source every few seconds: which copies of the slot there are, what people want of its
// targets, and how much WAL is kept for whom.
import type { Logger } from 'pino';
import { givenUpError } from '../model/errors.ts';
import { type Look, lookAtSource } from './look.ts';
import type { Moves } from './moves.ts';
import type { OwnerSession } from './ownership/as-owner.ts';
import type { Seat } from './seat.ts';
import { dropRemainder, giveUpCopy } from './slot-copies.ts';
import { retainedBytes, type SlotLimits, thoseWhoMustLeave, tooCostly } from './wal-watch.ts';

export interface WatchOptions {
  /** The source's name. */
  readonly source: string;
  readonly seats: readonly Seat[];
  readonly moves: Moves;
  readonly writing: () => Promise<OwnerSession>;
  readonly limits: SlotLimits;
  /** How late others' changes arrive at the source. */
  readonly onLag: (ms: number) => void;
  readonly log: Logger;
}

export class Watch {
  readonly #options: WatchOptions;
  /** Slots that keep more WAL than is warned of. */
  readonly #warned = new Set<string>();
  /** Slots of targets that the file does not have, of which that was told. */
  readonly #kept = new Set<string>();

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  async look(): Promise<void> {
    const { seats, writing, onLag } = this.#options;
    const look = await lookAtSource((await writing()).session);
    onLag(look.lagMs);
    for (const seat of seats) this.#follow(seat, look);
    this.#warn(look);
    await this.#removeRemainders(look);
    await this.#giveUp(look);
  }

  #warn({ slots, walLsn }: Look): void {
    const { limits, log, source } = this.#options;
    for (const reading of slots) {
      const bytes = retainedBytes(reading, walLsn);
      if (bytes < limits.warnBytes) this.#warned.delete(reading.slot);
      else if (!this.#warned.has(reading.slot)) {
        this.#warned.add(reading.slot);
        log.warn(
          { source, slot: reading.slot, bytes: String(bytes) },
          'much WAL is kept for a slot',
        );
      }
    }
  }

  /** What a person wants of it, and whether the source has a copy that holds its place. */
  #follow(seat: Seat, { slots, wishes }: Look): void {
    const { subscriber, state } = seat;
    const wish = wishes.get(subscriber.target);
    if (wish !== undefined && wish.wishedAt !== seat.wishedAt) {
      if (wish.paused) subscriber.pause();
      else if (seat.wishedAt !== undefined) subscriber.resume();
    }
    seat.wishedAt = wish?.wishedAt ?? '';
    this.#followResync(seat, wish?.resyncAt);
    const copy = slots.find(
      ({ target, found, recorded }) => found && recorded && target === subscriber.target,
    );
    // One that begins anew has a place again, before it is known to stand there.
    if (wish?.givenUp === true && copy === undefined)
      return this.#options.moves.loseOwnSlot(seat, 'given up');
    if (state.kind === 'given up') seat.state = { kind: 'stream' };
    // Or has another: that of the name that it had before.
    if (seat.isDetached && copy?.slot !== seat.copy?.slot)
      this.#options.moves.loseOwnSlot(seat, 'stream');
    if (copy !== undefined && seat.state.kind === 'stream' && seat.spentCopy === undefined)
      this.#options.moves.takeOwnSlot(seat, copy);
  }

  #followResync(seat: Seat, wishedAt: string | undefined): void {
    // A look may be older than what was done meanwhile.
    const isDue = wishedAt !== undefined && wishedAt !== '' && wishedAt !== seat.resyncedAt;
    const isNew = isDue && wishedAt !== seat.resyncAt;
    seat.resyncAt = isDue ? wishedAt : undefined;
    if (isNew) seat.subscriber.reconnect();
  }

  async #removeRemainders(look: Look): Promise<void> {
    const costly = tooCostly(look, this.#options.limits);
    const unseen = this.#unrecognized;
    for (const reading of look.slots) {
      const { target, slot, found, recorded } = reading;
      if (target === undefined) continue;
      const isPlace = found && recorded;
      if (isPlace && this.#options.seats.some(({ subscriber }) => subscriber.target === target))
        continue;
      const facts = { source: this.#options.source, slot };
      if (isPlace && unseen.length > 0 && !costly.includes(reading)) {
        this.#tellKept(facts, unseen);
        continue;
      }
      if (isPlace)
        this.#options.log.warn(facts, 'its target has left the file: its place is given up');
      const writing = await this.#options.writing();
      if (isPlace) await giveUpCopy(writing, target);
      else await dropRemainder(writing, slot);
      this.#options.log.info(facts, 'removed what was left of a copy of the slot');
    }
  }

  /** Any of them may be a target that has another name now. */
  get #unrecognized(): readonly string[] {
    const { seats, source } = this.#options;
    return seats
      .filter(({ recognized }) => !recognized)
      .map(({ subscriber }) => subscriber.target)
      .filter((target) => target !== source);
  }

  #tellKept(facts: { source: string; slot: string }, unseen: readonly string[]): void {
    if (this.#kept.has(facts.slot)) return;
    this.#kept.add(facts.slot);
    this.#options.log.info(
      { ...facts, unseen },
      'its target is not in the file, unless under another name: kept until all targets have been seen',
    );
  }

  /** Better one target that must be filled anew than a source whose disk is full. */
  async #giveUp(look: Look): Promise<void> {
    const { limits, log } = this.#options;
    for (const { target, slot, restartLsn } of tooCostly(look, limits)) {
      const seat = this.#options.seats.find(({ subscriber }) => subscriber.target === target);
      // One that has only just joined goes back to its copy first.
      if (seat === undefined || !seat.isDetached) continue;
      const { name } = seat.subscriber;
      const bytes = String(look.walLsn - restartLsn);
      const error = givenUpError(name);
      log.error(
        { subscription: name, slot, bytes, code: error.code, hint: error.hint },
        error.message,
      );
      this.#options.moves.loseOwnSlot(seat, 'given up');
      await giveUpCopy(await this.#options.writing(), seat.subscriber.target);
    }
    const leaving = thoseWhoMustLeave(look, limits, this.#options.seats);
    for (const seat of this.#options.seats) seat.mustLeave = leaving.includes(seat);
  }
}
