// What a target still knows of rows that the changes of a source can meet, where several databases write.
import { type Lsn, zeroLsn } from '../../model/lsn.ts';
import type { TransactionPart } from '../../model/transaction.ts';
import { noteAbsentSources, unrememberedUntil } from '../../postgres/absent-sources.ts';
import type { Session } from '../../postgres/session.ts';
import { readTimesKeptSince } from './times-kept-since.ts';

export interface MemoryOptions {
  readonly source: string;
  /** All whose changes meet in the target's tables, itself among them; empty when none do. */
  readonly contenders: readonly string[];
  /** All that the target receives from, and itself. */
  readonly present: readonly string[];
  /** Where the WAL of the source ends now. */
  readonly endOfSource: () => Promise<Lsn>;
}

export class Memory {
  readonly #unrememberedUntil: Lsn;
  #timesKeptSince: bigint;

  private constructor(unrememberedUntil: Lsn, timesKeptSince: bigint) {
    this.#unrememberedUntil = unrememberedUntil;
    this.#timesKeptSince = timesKeptSince;
  }

  /** Notes as well of whom nothing is remembered from now on. */
  static async read(session: Session, options: MemoryOptions): Promise<Memory> {
    const { source, contenders, present, endOfSource } = options;
    await noteAbsentSources(session, present);
    if (contenders.length === 0) return new Memory(zeroLsn, 0n);
    const until = await unrememberedUntil(session, source, endOfSource);
    return new Memory(until, await readTimesKeptSince(session));
  }

  /** The server may have forgotten more since. */
  async readAgain(session: Session): Promise<void> {
    this.#timesKeptSince = await readTimesKeptSince(session);
  }

  /** Whether one of them is older than what is known. */
  isExceededBy(parts: readonly TransactionPart[]): boolean {
    return parts.some(
      ({ transaction: { commitLsn, commitTime } }) =>
        commitLsn < this.#unrememberedUntil || commitTime < this.#timesKeptSince,
    );
  }
}
