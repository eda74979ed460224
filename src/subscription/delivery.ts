// What waits in an inbox, handed to an applier piece by piece, and what a piece that failed asks of the
// next attempt. Outlives the appliers: a new one goes on where the last one stopped.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch } from '../model/batch.ts';
import { asReplicatorError, ReplicatorError } from '../model/errors.ts';
import { type Lsn, zeroLsn } from '../model/lsn.ts';
import type { TransactionPart } from '../model/transaction.ts';
import type { Applier } from '../target/apply/applier.ts';
import type { Care } from '../target/apply/apply-parts.ts';
import { isOfClaims, isUniqueViolation, needsCare } from '../target/apply/needs-care.ts';
import type { Inbox } from './inbox.ts';
import type { BatchLimits, Work } from './queue.ts';

export interface DeliveryOptions {
  readonly inbox: Inbox;
  readonly limits: BatchLimits;
  /** At least so long from one batch to the next, unless that is a full one. */
  readonly paceMs: number;
}

/**
 * A batch of several transactions tells that many come: the next one gathers for a while. Each batch has costs of
 * its own, on both servers and on disk, that a busy source would feel.
 */
function gatherMs(transactions: number): number {
  if (transactions > 16) return 10;
  return transactions > 4 ? 4 : 0;
}

export class Delivery {
  readonly #options: DeliveryOptions;
  #busy = false;
  #batchBegunAt = Number.NEGATIVE_INFINITY;
  #paceMs: number;
  /** The transaction in parts that is open on the target will never be completed. */
  #abandoned = false;
  /** Some of its parts are applied and gone from the queue: after a failure it must come anew. */
  #openParts = false;
  /** A transaction in parts that failed, by the start of its commit record, and how it goes next. */
  #troubled: { readonly commitLsn: Lsn; readonly care: Care } | undefined;
  /** Until here transactions are applied one by one: a batch of them was refused. */
  #singlyUntil: Lsn = zeroLsn;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#paceMs = options.paceMs;
  }

  get busy(): boolean {
    return this.#busy;
  }

  get openParts(): boolean {
    return this.#openParts;
  }

  /** The parts that were handed on will come again, from the first one. */
  startOver(): void {
    this.#openParts = false;
  }

  /** The end of what is open on the target will not come. */
  interrupted(): void {
    this.#abandoned = true;
  }

  /** Undoes what is open on the target, if anything is, and waits for what is on its way. */
  async abandon(applier: Applier): Promise<void> {
    this.#abandoned = false;
    this.#openParts = false;
    await applier.settle();
    this.#options.inbox.queue.dropApplied(applier.progress);
  }

  /** The next piece, or a wait for one. True when more is applied, or on disk. */
  async step(applier: Applier): Promise<boolean> {
    const { inbox } = this.#options;
    const before = applier.progress;
    // What breaks off while that is undone was not begun on the target.
    while (this.#abandoned) await this.abandon(applier);
    if (applier.progress > before) return true;
    const work = inbox.queue.peek(this.#limitsAt(applier.progress));
    if (work !== undefined) return await this.#applyAtPace(work, applier);
    // Between two parts of a transaction nothing else may be committed.
    const pass = this.#openParts ? undefined : inbox.passDue(applier.progress);
    if (pass !== undefined) await applier.pass(pass.lsn, pass.seenTime);
    else if (applier.flushInMs === 0) await applier.flush();
    else {
      await inbox.queue.wait(Math.min(1_000, applier.flushInMs));
      return false;
    }
    return true;
  }

  async #applyAtPace(work: Work, applier: Applier): Promise<boolean> {
    const restMs = this.#batchBegunAt + this.#paceMs - performance.now();
    if (work.kind === 'batch' && !work.full && restMs > 0) {
      await sleep(restMs);
      return false;
    }
    this.#batchBegunAt = performance.now();
    this.#busy = true;
    try {
      if (work.kind === 'batch') await this.#applyBatch(work, applier);
      else await this.#applyPart(work.part, applier);
      this.#options.inbox.queue.release(work.parts);
    } finally {
      this.#busy = false;
    }
    return true;
  }

  /** Of a batch that cannot be applied, what lies before its trouble still can. */
  async #applyBatch({ batch, parts }: Work & { kind: 'batch' }, applier: Applier): Promise<void> {
    this.#paceMs = Math.max(this.#options.paceMs, gatherMs(parts.length));
    try {
      await applier.apply(batch, () => this.#batchBehind(parts, batch.endLsn));
    } catch (thrown) {
      const error = asReplicatorError(thrown);
      if (parts.length === 1 || error.retry !== 'manual') throw error;
      this.#singlyUntil = batch.endLsn;
      throw new ReplicatorError('BATCH_REFUSED', error.message, { cause: error });
    }
  }

  /** Of the batch that begins where the target has got to. */
  #limitsAt(progress: Lsn): BatchLimits {
    const { limits } = this.#options;
    return progress < this.#singlyUntil ? { ...limits, transactions: 1 } : limits;
  }

  /** The one that will come next, so only a full one: what else arrives meanwhile belongs to it. */
  #batchBehind(parts: readonly TransactionPart[], endLsn: Lsn): Batch | undefined {
    const work = this.#options.inbox.queue.peek(this.#limitsAt(endLsn), parts.length);
    return work?.kind === 'batch' && work.full ? work.batch : undefined;
  }

  async #applyPart(part: TransactionPart, applier: Applier): Promise<void> {
    const { commitLsn } = part.transaction;
    const care = this.#troubled?.commitLsn === commitLsn ? this.#troubled.care : 'none';
    try {
      this.#openParts = true;
      await applier.applyPart(part, care);
      this.#openParts = part.endLsn === undefined;
    } catch (thrown) {
      const error = asReplicatorError(thrown);
      if (!needsCare(error) || care === 'careful') throw error;
      const mayExist = care === 'none' && isUniqueViolation(error) && !isOfClaims(error);
      this.#troubled = { commitLsn, care: mayExist ? 'wary' : 'careful' };
      throw new ReplicatorError('ROWS_MISSING', error.message, { cause: error });
    }
  }
}
