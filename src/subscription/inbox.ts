// Where a source's transactions arrive for one target: dropped if it has them already or they are
// not its own, and queued otherwise. Remembers how far the source has been seen.
import { ReplicatorError } from '../model/errors.ts';
import { formatLsn, type Lsn, maxLsn, zeroLsn } from '../model/lsn.ts';
import type { RelationName } from '../model/relation.ts';
import type { TransactionPart } from '../model/transaction.ts';
import type { PartFilter } from './part-filter.ts';
import { TransactionQueue } from './queue.ts';

/** Progress that only a position passed is stored at the latest after this, to let WAL go. */
const mostPassBytes = 16 * 1024 * 1024;
const passMs = 10 * 60_000;

export class Inbox {
  readonly queue = new TransactionQueue();
  #filter: PartFilter | undefined;
  #isOpen = false;
  /** End of the last transaction that arrived whole, or that the target had before. */
  #receivedLsn: Lsn = zeroLsn;
  #passedLsn: Lsn = zeroLsn;
  #passedAt = performance.now();
  #seenTime: bigint | undefined;
  #urgent = false;
  #queuedParts = false;
  readonly #passBytes: bigint;
  /** Of the transaction that has begun to arrive, and whose end is to come. */
  #openLsn: Lsn | undefined;

  /** `giveUpBytes`: who is so far behind loses its place, so what it has is to be told long before. */
  constructor(giveUpBytes = Number.POSITIVE_INFINITY) {
    this.#passBytes = BigInt(Math.floor(Math.min(mostPassBytes, giveUpBytes / 4)));
  }

  /** Empties it; what the target has up to `progress` will be dropped when it comes again. */
  open(filter: PartFilter, progress: Lsn): void {
    this.queue.clear();
    this.#filter = filter;
    this.#isOpen = true;
    this.#receivedLsn = progress;
    this.#passedLsn = progress;
    this.#seenTime = undefined;
    this.#queuedParts = false;
    this.#openLsn = undefined;
    this.#urgent = false;
  }

  /** What waits is given up, and comes again once it is opened. Until then nothing is taken that lies behind it. */
  close(): void {
    this.queue.clear();
    this.#isOpen = false;
    this.#passedLsn = zeroLsn;
  }

  get passedLsn(): Lsn {
    return this.#passedLsn;
  }

  /** False when the target has more than ever came through here: another replicator was at work. */
  hasSeen(progress: Lsn): boolean {
    return progress <= maxLsn(this.#receivedLsn, this.#passedLsn);
  }

  get memberships(): ReadonlyMap<number, string> {
    return this.#filter?.memberships ?? new Map();
  }

  wants(relation: RelationName): boolean {
    return this.#filter?.wants(relation) === true;
  }

  /** What it would queue of a transaction whose commit record starts there. */
  takes(relation: RelationName, commitLsn: Lsn): boolean {
    return commitLsn >= this.#receivedLsn && this.#filter?.takes(relation, commitLsn) === true;
  }

  receive(part: TransactionPart): void {
    if (!this.#isOpen) return;
    // A commit record that starts before our position ends at or before it.
    if (this.#filter === undefined || part.transaction.commitLsn < this.#receivedLsn) return;
    this.#expectInOrder(part);
    const changes = this.#filter.changesOf(part);
    const last = part.endLsn !== undefined;
    this.#openLsn = last ? undefined : part.transaction.commitLsn;
    if (changes.length > 0 || (last && (this.#queuedParts || part.marked))) {
      const first = !this.#queuedParts;
      const whole = changes === part.changes && first === part.first;
      this.queue.push(whole ? part : { ...part, changes, first });
      this.#queuedParts = !last;
    } else if (last) this.passed(part.endLsn, false);
    if (last) this.#receivedLsn = part.endLsn;
  }

  // The rest of a transaction would be taken for all of it, and what came before would be lost unseen.
  #expectInOrder({ first, transaction }: TransactionPart): void {
    const { commitLsn } = transaction;
    if (this.#openLsn === (first ? undefined : commitLsn)) return;
    const what = first ? 'began before the end of another' : 'came without its beginning';
    throw new ReplicatorError('INTERNAL', `the transaction at ${formatLsn(commitLsn)} ${what}`);
  }

  passed(lsn: Lsn, urgent: boolean, seenTime?: bigint): void {
    if (!this.#isOpen) return;
    this.#passedLsn = maxLsn(this.#passedLsn, lsn);
    // Whatever passes next has been seen later, so it holds for that position as well.
    if (seenTime !== undefined) this.#seenTime = seenTime;
    this.#urgent ||= urgent;
    if (urgent) this.queue.wake();
  }

  /** A position that should be stored now as progress, and the source's clock as it was seen; or undefined. */
  passDue(progress: Lsn): { lsn: Lsn; seenTime: bigint | undefined } | undefined {
    if (!this.queue.empty || this.#passedLsn <= progress) return undefined;
    const due =
      this.#urgent ||
      this.#passedLsn - progress > this.#passBytes ||
      performance.now() - this.#passedAt > passMs;
    return due ? { lsn: this.#passedLsn, seenTime: this.#seenTime } : undefined;
  }

  stored(progress: Lsn): void {
    this.#passedAt = performance.now();
    if (progress >= this.#passedLsn) this.#urgent = false;
  }

  /** True when parts of a transaction were handed out, or waited, of which the rest will not come. */
  interrupted(): boolean {
    const incomplete = this.#queuedParts;
    this.#queuedParts = false;
    this.#openLsn = undefined;
    this.queue.dropIncomplete();
    // What was handed out last may be of one before it, of which all the rest waits here.
    return incomplete && !this.queue.beginsInParts;
  }
}
