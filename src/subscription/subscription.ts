// One source's changes into one target, for as long as the process lives: connects, joins tables,
// applies what the source hands on, and comes back by itself after any failure that passes.
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, failedRetryMs } from '../model/backoff.ts';
import { asReplicatorError, type ReplicatorError } from '../model/errors.ts';
import { type Lsn, maxLsn, minLsn } from '../model/lsn.ts';
import type { RelationName } from '../model/relation.ts';
import type { TransactionPart } from '../model/transaction.ts';
import type { Place, Subscriber } from '../source/subscriber.ts';
import type { Applier } from '../target/apply/applier.ts';
import { Delivery, type DeliveryOptions } from './delivery.ts';
import { Inbox } from './inbox.ts';
import { Lifecycle, type LifecycleOptions, type SubscriptionState } from './lifecycle.ts';
import { type JoinedTables, PartFilter } from './part-filter.ts';

export interface SubscriptionOptions extends Omit<DeliveryOptions, 'inbox'>, LifecycleOptions {
  readonly target: string;
  readonly queueBytes: number;
  /** See Inbox. */
  readonly giveUpBytes?: number | undefined;
  /** Those of the target that the file names; undefined: none. */
  readonly standbys: { readonly securedLsn: Lsn | undefined } | undefined;
  readonly connect: () => Promise<Applier>;
  /** Makes the tables of the subscription ready on the target, copying where the syncs ask to. */
  readonly join: (applier: Applier, onCopy: () => void) => Promise<JoinedTables>;
  /** What comes after its progress must be sent. */
  readonly onAttach: () => void;
  /** More is applied or durable here, or there is room again. */
  readonly onProgress: () => void;
}

export class Subscription implements Subscriber {
  readonly #options: SubscriptionOptions;
  readonly #inbox: Inbox;
  readonly #lifecycle: Lifecycle;
  #attachment = 0;
  #attachments = 0;
  #connected = false;
  #place: Place = 'stream';
  #filter = new PartFilter(new Map());
  /** A person wants it so. */
  #paused = false;
  /** The session is to end, for another one. */
  #reconnect = false;
  /** Ends the wait for the next attempt, also one that is still to begin. */
  #hurry = new AbortController();
  /** What its target has, and has left the queue, whether or not it is on disk there. */
  #progress: Lsn | undefined;
  #flushedLsn: Lsn | undefined;
  readonly #delivery: Delivery;
  #refused: ReplicatorError | undefined;
  #settle: () => void = () => {};
  /** Resolves once the first attempt to attach has ended, either way. */
  readonly settled = new Promise<void>((resolve) => {
    this.#settle = resolve;
  });

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#lifecycle = new Lifecycle(options);
    this.#inbox = new Inbox(options.giveUpBytes);
    this.#delivery = new Delivery({ ...options, inbox: this.#inbox });
  }

  get name(): string {
    return this.#options.name;
  }

  get target(): string {
    return this.#options.target;
  }

  get state(): SubscriptionState {
    return this.#lifecycle.state;
  }

  /** Why it is not streaming; undefined while nothing is wrong. */
  get error(): ReplicatorError | undefined {
    return this.#lifecycle.error;
  }

  get present(): boolean {
    return this.#connected;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get attachment(): number {
    return this.#attachment;
  }

  get flushedLsn(): Lsn | undefined {
    return this.#flushedLsn;
  }

  get securedLsn(): Lsn | undefined {
    const { standbys } = this.#options;
    if (standbys === undefined || this.#flushedLsn === undefined) return this.#flushedLsn;
    return standbys.securedLsn && minLsn(standbys.securedLsn, this.#flushedLsn);
  }

  get appliedLsn(): Lsn | undefined {
    if (this.#progress === undefined || this.#attachment === 0) return this.#progress;
    return this.idle ? maxLsn(this.#progress, this.#inbox.passedLsn) : this.#progress;
  }

  get idle(): boolean {
    return this.#inbox.queue.empty && !this.#delivery.busy;
  }

  get full(): boolean {
    return this.#inbox.queue.bytes >= this.#options.queueBytes;
  }

  get crowded(): boolean {
    return this.#inbox.queue.bytes >= this.#options.queueBytes / 2;
  }

  get memberships(): ReadonlyMap<number, string> {
    return this.#inbox.memberships;
  }

  wants(relation: RelationName): boolean {
    return this.#inbox.wants(relation);
  }

  takes(relation: RelationName, commitLsn: Lsn): boolean {
    return this.#inbox.takes(relation, commitLsn);
  }

  receive(part: TransactionPart): void {
    try {
      this.#inbox.receive(part);
    } catch (error) {
      this.refuse(asReplicatorError(error));
    }
    // A target that is away must not hold up the others: it will be sent everything again.
    if (this.full && !this.#connected) this.leave();
  }

  passed(lsn: Lsn, urgent: boolean, seenTime?: bigint): void {
    this.#inbox.passed(lsn, urgent, seenTime);
  }

  interrupted(): void {
    if (this.#inbox.interrupted()) this.#delivery.interrupted();
    this.#inbox.queue.wake();
  }

  leave(): void {
    this.#attachment = 0;
    this.#delivery.startOver();
    this.#inbox.close();
    this.#inbox.queue.wake();
    this.#options.onProgress();
  }

  placed(place: Place): void {
    this.#place = place;
    const { state } = this.#lifecycle;
    if (state === 'streaming' || state === 'catching_up') this.#lifecycle.move(this.#working);
  }

  /** Lets go of its target until `resume`. */
  pause(): void {
    this.#paused = true;
    this.#inbox.queue.wake();
    this.#hurry.abort();
  }

  /** Ends a pause, and any wait for the next attempt. */
  resume(): void {
    this.#paused = false;
    this.#hurry.abort();
  }

  reconnect(): void {
    this.#reconnect = true;
    this.#inbox.queue.wake();
    this.#hurry.abort();
  }

  refuse(error: ReplicatorError): void {
    this.leave();
    // Judged by what we knew of a target that is away: it is looked at again when that is back.
    if (!this.#connected) return;
    this.#refused = error;
    this.#inbox.queue.wake();
  }

  /** Runs until `stop` is aborted; `abandon` ends even a batch that does not come to an end. */
  async run(stop: AbortSignal, abandon: AbortSignal): Promise<void> {
    stop.addEventListener('abort', () => this.#inbox.queue.wake(), { once: true });
    let attempts = { timed: 0, manual: 0 };
    while (!stop.aborted) {
      try {
        if (this.#paused) await this.#untilResumed(stop);
        else
          await this.#session(stop, abandon, () => {
            attempts = { timed: 0, manual: 0 };
          });
      } catch (thrown) {
        if (stop.aborted) break;
        const error = asReplicatorError(thrown);
        // A table may be another one once this is mended: it is looked up again.
        if (error.code === 'SCHEMA_DRIFT') this.leave();
        this.#lifecycle.failed(error, this.#flushedLsn);
        this.#settle();
        if (this.#paused) continue;
        const attempt = attempts[error.retry]++;
        const pause =
          error.retry === 'timed' ? backoffMs(attempt, Math.random()) : failedRetryMs(attempt);
        if (await this.#wait(pause, stop)) attempts = { timed: 0, manual: 0 };
      }
    }
    this.#lifecycle.move('stopped');
  }

  async #untilResumed(stop: AbortSignal): Promise<void> {
    this.#lifecycle.move('paused');
    this.#settle();
    while (this.#paused && !stop.aborted) await this.#wait(60 * 60_000, stop);
    if (!stop.aborted) this.#lifecycle.move('starting');
  }

  /** True when it was ended before its time. */
  async #wait(pauseMs: number, stop: AbortSignal): Promise<boolean> {
    const over = AbortSignal.any([stop, this.#hurry.signal]);
    await sleep(pauseMs, undefined, { signal: over }).catch(() => {});
    this.#hurry = new AbortController();
    return over.aborted;
  }

  async #session(stop: AbortSignal, abandon: AbortSignal, onWorking: () => void): Promise<void> {
    this.#refused = undefined;
    this.#reconnect = false;
    const applier = await this.#options.connect();
    if (this.#paused) return await applier.close();
    const giveUp = () => applier.destroy();
    const wake = () => this.#inbox.queue.wake();
    abandon.addEventListener('abort', giveUp, { once: true });
    applier.lost.addEventListener('abort', wake, { once: true });
    try {
      this.#connected = true;
      if (!this.#continues(applier)) this.leave();
      if (this.#attachment !== 0) this.#inbox.queue.dropApplied(applier.progress);
      else await this.#join(applier);
      this.#reached(applier);
      this.#lifecycle.move(this.#working);
      this.#settle();
      this.#options.onProgress();
      while (!stop.aborted && !this.#paused && !this.#reconnect)
        if (await this.#step(applier)) onWorking();
      // What is done need not come again.
      await applier.flush();
      this.#reached(applier);
      this.#options.onProgress();
    } finally {
      this.#connected = false;
      abandon.removeEventListener('abort', giveUp);
      await applier.close();
      // A source that waits for room here must not wait for a target that is away.
      if (!stop.aborted && (this.#delivery.openParts || this.full || this.#paused)) this.leave();
    }
  }

  get #working(): 'streaming' | 'catching_up' {
    return this.#place === 'stream' ? 'streaming' : 'catching_up';
  }

  /**
   * Whether what waits here follows what the target has. One that was restored, or that lost what was not on
   * disk yet, is behind what we knew of it: only a new stream tells whether the slot still holds what lies
   * between.
   */
  #continues(applier: Applier): boolean {
    const { progress } = applier;
    const known = this.#progress;
    this.#reached(applier);
    return this.#inbox.hasSeen(progress) && (known === undefined || progress >= known);
  }

  #reached({ progress, durableLsn }: Applier): void {
    this.#progress = progress;
    this.#flushedLsn = durableLsn;
  }

  async #join(applier: Applier): Promise<void> {
    const tables = await this.#options.join(applier, () => {
      this.#lifecycle.move('copying');
      this.#settle();
    });
    this.#filter = new PartFilter(tables);
    await this.#attach(applier);
  }

  /** From the target's progress on. */
  async #attach(applier: Applier): Promise<void> {
    await this.#delivery.abandon(applier);
    this.#reached(applier);
    this.#inbox.open(this.#filter, applier.progress);
    this.#attachment = ++this.#attachments;
    this.#options.onAttach();
    if (this.#refused !== undefined) throw this.#refused;
  }

  /** True when something was applied, or became durable. */
  async #step(applier: Applier): Promise<boolean> {
    if (this.#refused !== undefined) throw this.#refused;
    if (applier.lost.aborted) throw applier.lost.reason;
    if (this.#attachment === 0) await this.#attach(applier);
    if (!(await this.#delivery.step(applier))) return false;
    this.#reached(applier);
    this.#inbox.stored(applier.progress);
    this.#options.onProgress();
    return true;
  }
}
