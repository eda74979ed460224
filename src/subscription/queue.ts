// What was received from the source and waits for the target. While one batch is applied the next
// gathers here: an idle system applies one transaction at once, a busy one forms large batches.
import { type Batch, batchOf } from '../model/batch.ts';
import type { Lsn } from '../model/lsn.ts';
import { isWhole, type TransactionPart, type WholeTransaction } from '../model/transaction.ts';

export interface BatchLimits {
  readonly changes: number;
  readonly bytes: number;
  /** Of a batch; as many as there are, if not given. */
  readonly transactions?: number;
}

/** Whole transactions, or one part of a transaction that is larger than memory. */
export type Work =
  | {
      readonly kind: 'batch';
      readonly batch: Batch;
      readonly parts: readonly TransactionPart[];
      /** What waits behind it does not change it any more. */
      readonly full: boolean;
    }
  | { readonly kind: 'part'; readonly part: TransactionPart; readonly parts: [TransactionPart] };

export class TransactionQueue {
  #parts: TransactionPart[] = [];
  #bytes = 0;
  #wake: (() => void) | undefined;

  get bytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return this.#parts.length === 0;
  }

  /** What is next belongs to a transaction that comes in parts. */
  get beginsInParts(): boolean {
    const head = this.#parts[0];
    return head !== undefined && !isWhole(head);
  }

  push(part: TransactionPart): void {
    this.#parts.push(part);
    this.#bytes += part.bytes;
    this.wake();
  }

  /** Ends a `wait` now, whether or not there is work. */
  wake(): void {
    this.#wake?.();
  }

  /** Resolves when something is pushed, or after `timeoutMs`, or when `wake` is called. */
  async wait(timeoutMs: number): Promise<void> {
    if (!this.empty) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }

  /**
   * The next work, behind `skip` parts, without removing it: it stays until `release`, so a failed batch
   * is not lost.
   */
  peek(limits: BatchLimits, skip = 0): Work | undefined {
    const head = this.#parts[skip];
    if (head === undefined) return undefined;
    if (!isWhole(head)) return { kind: 'part', part: head, parts: [head] };
    let changes = 0;
    let bytes = 0;
    const parts: WholeTransaction[] = [];
    let full = false;
    for (let i = skip; i < this.#parts.length; i += 1) {
      const part = this.#parts[i];
      if (part === undefined || !isWhole(part)) break;
      const over = changes + part.changes.length > limits.changes;
      full =
        (parts.length > 0 && (over || bytes + part.bytes > limits.bytes)) ||
        parts.length === limits.transactions;
      if (full) break;
      changes += part.changes.length;
      bytes += part.bytes;
      parts.push(part);
    }
    return { kind: 'batch', batch: batchOf(parts), parts, full };
  }

  /** Removes work that is done. What was dropped meanwhile is not there any more. */
  release(parts: readonly TransactionPart[]): void {
    let done = 0;
    while (done < parts.length && this.#parts[done] === parts[done]) done += 1;
    this.#remove(0, done);
  }

  /** Drops what belongs to a transaction whose end has not arrived. True if there was any. */
  dropIncomplete(): boolean {
    const last = this.#parts.at(-1);
    if (last === undefined || last.endLsn !== undefined) return false;
    const start = this.#parts.findLastIndex((part) => part.endLsn !== undefined) + 1;
    this.#remove(start, this.#parts.length);
    return true;
  }

  /** Drops whole transactions that the target turned out to have, those before `progress`. */
  dropApplied(progress: Lsn): void {
    const keep = this.#parts.findIndex((part) => part.transaction.commitLsn >= progress);
    this.#remove(0, keep < 0 ? this.#parts.length : keep);
  }

  #remove(from: number, to: number): void {
    for (const part of this.#parts.splice(from, to - from)) this.#bytes -= part.bytes;
  }

  clear(): void {
    this.#parts = [];
    this.#bytes = 0;
  }
}
