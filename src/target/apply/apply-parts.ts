// A transaction that is larger than memory: its parts are written as they arrive, into one transaction
// that stays open, and the last one commits it.
import { ReplicatorError } from '../../model/errors.ts';
import type { TransactionPart } from '../../model/transaction.ts';
import type { ChangeCounts } from '../progress/progress.ts';
import type { ApplyConnection } from './apply-connection.ts';
import { expectShapes } from './expect-shapes.ts';
import { countChanges } from './plan-batch.ts';
import { isContested, type TargetTables } from './target-tables.ts';
import { awaitVisible, begin } from './transaction-frame.ts';
import type { Writer } from './writer.ts';

export interface ApplyPartsOptions {
  readonly connection: ApplyConnection;
  readonly tables: TargetTables;
  readonly writer: Writer;
  /** Of a database's own stream nothing is counted: it has it already. */
  readonly isOwn: boolean;
}

interface OpenTransaction {
  readonly counts: ChangeCounts;
  readonly carefully: boolean;
  contended: boolean;
}

export class ApplyParts {
  readonly #options: ApplyPartsOptions;
  #open: OpenTransaction | undefined;

  constructor(options: ApplyPartsOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /**
   * Throws ROWS_MISSING or UNIQUE_VIOLATION when the whole of the transaction must be read again and
   * go `carefully`.
   */
  async apply(part: TransactionPart, carefully: boolean): Promise<void> {
    if (part.first !== (this.#open === undefined))
      throw new ReplicatorError('INTERNAL', 'parts of two transactions would be mixed');
    const { connection, tables, writer } = this.#options;
    const loaded = await tables.load([part]);
    const folds = writer.fold([part]);
    this.#open ??= await this.#begin(carefully, part);
    const { commitTime } = part.transaction;
    if (!this.#open.contended && isContested(loaded.tables)) {
      this.#open.contended = true;
      await connection.session.group(connection.frame.contend(commitTime));
    }
    await connection.execute(writer.accompany(folds, commitTime));
    try {
      if (this.#open.carefully) await writer.writeCarefully([part], folds);
      else {
        await connection.execute(writer.claims(folds));
        await writer.writeStepwise(folds, [part]);
      }
    } catch (error) {
      await connection.recordUndecided();
      throw error;
    }
    await connection.execute(expectShapes(loaded.tables));
    if (!this.#options.isOwn) addCounts(this.#open.counts, countChanges([part]));
    if (part.endLsn !== undefined) await this.#end(part.endLsn, commitTime, this.#open);
  }

  /** What has arrived is undone; it will be sent again. */
  async abandon(): Promise<void> {
    if (this.#open === undefined) return;
    this.#open = undefined;
    await this.#options.connection.rollback();
  }

  /** The progress row is locked from the start, which keeps a second replicator out. */
  async #begin(carefully: boolean, part: TransactionPart): Promise<OpenTransaction> {
    const { connection, isOwn } = this.#options;
    const visible = isOwn ? [awaitVisible([part])] : [];
    await connection.begin([begin, ...visible, connection.frame.touch()]);
    return { counts: countChanges([]), carefully, contended: false };
  }

  async #end(endLsn: bigint, commitTime: bigint, { counts }: OpenTransaction): Promise<void> {
    const { connection } = this.#options;
    const { frame } = connection;
    frame.refuseApplied(endLsn);
    const end = { endLsn, commitTime };
    await connection.commit([frame.advance(end, counts, frame.progress), frame.stamp(end)], endLsn);
    this.#open = undefined;
  }
}

function addCounts(counts: ChangeCounts, more: ChangeCounts): void {
  for (const [kind, n] of Object.entries(more)) counts[kind as keyof ChangeCounts] += n;
}
