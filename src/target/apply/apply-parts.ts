// A transaction that is larger than memory: its parts are written as they arrive, into one transaction
// that stays open, and the last one commits it. Each is sent while the server is at work on the one before.
import { ReplicatorError } from '../../model/errors.ts';
import type { TransactionPart } from '../../model/transaction.ts';
import type { ChangeCounts } from '../progress/progress.ts';
import type { ApplyConnection } from './apply-connection.ts';
import { countChanges, type PlannedStatement } from './plan-batch.ts';
import type { TargetTable } from './target-table.ts';
import { isContested, type LoadedTables, type TargetTables } from './target-tables.ts';
import { awaitVisible, begin } from './transaction-frame.ts';
import type { Writer } from './writer.ts';

export interface ApplyPartsOptions {
  readonly connection: ApplyConnection;
  readonly tables: TargetTables;
  readonly writer: Writer;
  /** Of a database's own stream nothing is counted: it has it already. */
  readonly isOwn: boolean;
}

/**
 * How its parts are written: as a source's changes usually can be; so that rows that are inserted may exist; or
 * change by change.
 */
export type Care = 'none' | 'wary' | 'careful';

interface OpenTransaction {
  readonly counts: ChangeCounts;
  readonly care: Care;
  contended: boolean;
  /** The answer to its last part; rejects if that or one before has failed. */
  onItsWay: Promise<void> | undefined;
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
   * Resolves when there is room for another part; for the last one, when all are committed. Throws ROWS_MISSING
   * or UNIQUE_VIOLATION, of this or of the part before, when the whole of the transaction must be read again and
   * go with more care.
   */
  async apply(part: TransactionPart, care: Care): Promise<void> {
    if (part.first !== (this.#open === undefined))
      throw new ReplicatorError('INTERNAL', 'parts of two transactions would be mixed');
    const { connection } = this.#options;
    const loaded = await this.#tablesOf(part);
    this.#open ??= await this.#begin(care, part);
    try {
      const plan = this.#planAhead(part, loaded.tables, this.#open.care);
      if (plan === undefined) {
        await this.#answered(this.#open);
        await this.#write(part, loaded.tables, this.#open);
      } else await this.#send(plan, this.#open);
      if (!this.#options.isOwn) addCounts(this.#open.counts, countChanges([part]));
      if (part.endLsn === undefined) return;
      await this.#answered(this.#open);
    } catch (error) {
      await connection.recordUndecided();
      throw error;
    }
    await this.#end(part.endLsn, part.transaction.commitTime, this.#open);
  }

  /** A question about tables is for when nothing is on its way, or it would be told of others' failures. */
  async #tablesOf(part: TransactionPart): Promise<LoadedTables> {
    const { tables } = this.#options;
    const known = tables.known([part]);
    if (known !== undefined) return known;
    if (this.#open !== undefined) await this.#answered(this.#open);
    return await tables.load([part]);
  }

  /** Undefined where the answer decides what follows. */
  #planAhead(
    part: TransactionPart,
    tables: ReadonlySet<TargetTable>,
    care: Care,
  ): PlannedStatement[] | undefined {
    return care === 'none' && !isContested(tables)
      ? this.#options.writer.planPart(part)
      : undefined;
  }

  /** Behind the part before, which the server may not have done yet: if it fails, so does this one. */
  async #send(plan: readonly PlannedStatement[], open: OpenTransaction): Promise<void> {
    const { connection, writer } = this.#options;
    const statements = plan.map(({ statement }) => statement);
    const answer = connection
      .sendOpen(connection.named(statements))
      .then((results) => writer.count(plan, results));
    answer.catch(() => {});
    const before = open.onItsWay;
    open.onItsWay = answer;
    await before;
  }

  async #answered(open: OpenTransaction): Promise<void> {
    const answer = open.onItsWay;
    open.onItsWay = undefined;
    await answer;
  }

  /** Step by step, settling at once what the sets leave; or change by change. */
  async #write(
    part: TransactionPart,
    tables: ReadonlySet<TargetTable>,
    open: OpenTransaction,
  ): Promise<void> {
    const { connection, writer } = this.#options;
    const { commitTime } = part.transaction;
    const folds = writer.foldInFull([part]);
    if (!open.contended && isContested(tables)) {
      open.contended = true;
      await connection.session.group(connection.frame.contend(commitTime));
    }
    await connection.execute(writer.accompany(folds, commitTime));
    if (open.care === 'careful') await writer.writeCarefully([part], folds);
    else {
      await connection.execute(writer.claims(folds));
      await writer.writeStepwise(folds);
    }
  }

  /** What has arrived is undone; it will be sent again. */
  async abandon(): Promise<void> {
    if (this.#open === undefined) return;
    this.#open = undefined;
    await this.#options.connection.rollback();
  }

  /** The progress row is locked from the start, which keeps a second replicator out. */
  async #begin(care: Care, part: TransactionPart): Promise<OpenTransaction> {
    const { connection, isOwn } = this.#options;
    const visible = isOwn ? [awaitVisible([part])] : [];
    await connection.begin([begin, ...visible, connection.frame.touch()]);
    return { counts: countChanges([]), care, contended: false, onItsWay: undefined };
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
