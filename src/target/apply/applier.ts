// One source's changes into one target: batches as transactions that carry the source's origin and
// commit time, and our progress. One connection, used by nobody else, given up on the first doubt.
import type { DatabaseConfig } from '../../config/config.ts';
import { type Batch, batchOf } from '../../model/batch.ts';
import type { ConflictCounts } from '../../model/conflict.ts';
import { ReplicatorError } from '../../model/errors.ts';
import type { Lsn } from '../../model/lsn.ts';
import type { TableName } from '../../model/relation.ts';
import type { TransactionPart } from '../../model/transaction.ts';
import type { Session } from '../../postgres/session.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import { forgetConflicts } from '../conflict/conflict-log.ts';
import type { Asks } from '../conflict/contest.ts';
import { forgetVersions } from '../conflict/forget-versions.ts';
import type { Guard } from '../conflict/guarded-statements.ts';
import { Memory, type MemoryOptions } from '../conflict/memory.ts';
import { readGuard } from '../conflict/read-guard.ts';
import { readProgress } from '../progress/progress.ts';
import { applyBatch, type Outcome } from './apply-batch.ts';
import { ApplyConnection } from './apply-connection.ts';
import { ApplyParts, type Care } from './apply-parts.ts';
import { type ApplySessionOptions, openApplySession } from './apply-session.ts';
import { type Ahead, BatchAhead } from './batch-ahead.ts';
import { ownWriter, sourceWriter } from './connect-writer.ts';
import { Division, divide } from './divide.ts';
import type { FetchRows, FetchRowsOf } from './fetch-rows.ts';
import { countChanges } from './plan-batch.ts';
import { type PreparedBatch, prepareBatch } from './prepare-batch.ts';
import { type ContestedOf, isContested, TargetTables } from './target-tables.ts';
import {
  awaitVisible,
  begin,
  commit,
  contend,
  TransactionFrame,
  xidsOf,
} from './transaction-frame.ts';
import type { Writer } from './writer.ts';

export interface ApplierOptions extends ApplySessionOptions, MemoryOptions {
  readonly target: DatabaseConfig;
  readonly contestedOf: ContestedOf;
  readonly conflictRetentionMs: number;
  readonly fetchRowsOf: FetchRowsOf;
  /** By the oid of the source's table: the target's; filled once its tables have joined. */
  readonly targetOids?: ReadonlyMap<number, string>;
  /** See TargetTablesOptions. */
  readonly onOtherKey?: (table: string) => void;
  readonly onConflicts: (counts: ConflictCounts) => void;
  /** A change of the table comes that is older than what is remembered of its rows. */
  readonly onUnremembered: (table: TableName) => Promise<void>;
}

interface Knowledge {
  readonly guard: Guard;
  readonly memory: Memory;
}

export type NextBatch = () => Batch | undefined;

const forgetPauseMs = 60_000;

export class Applier {
  readonly #options: ApplierOptions;
  readonly #connection: ApplyConnection;
  readonly #frame: TransactionFrame;
  readonly #tables: TargetTables;
  readonly #writer: Writer;
  readonly #parts: ApplyParts;
  readonly #division = new Division();
  readonly #memory: Memory;
  #forgetAt = performance.now() + forgetPauseMs * Math.random();
  readonly #ahead: BatchAhead;
  /** The last batch went in one go, so it is likely that the next one does. */
  #smooth = true;
  #applying: readonly TransactionPart[] = [];

  private constructor(
    options: ApplierOptions,
    connection: ApplyConnection,
    { guard, memory }: Knowledge,
  ) {
    this.#options = options;
    this.#memory = memory;
    this.#connection = connection;
    this.#frame = connection.frame;
    this.#tables = new TargetTables(connection.session, {
      contestedOf: options.contestedOf,
      oidOf: ({ oid }) => (this.#isOwn ? String(oid) : options.targetOids?.get(oid)),
      isOwn: this.#isOwn,
      onOtherKey: options.onOtherKey,
    });
    const fetchRows: FetchRows = (table, keys) =>
      options.fetchRowsOf(xidsOf(this.#applying))(table, keys);
    const asks: Asks = (parts = this.#applying) => memory.isExceededBy(parts);
    const { onUnremembered: onAsked } = options;
    const writes = { tables: this.#tables, connection, guard, fetchRows, asks, onAsked };
    this.#writer = this.#isOwn ? ownWriter(options.source, writes) : sourceWriter(writes);
    this.#ahead = new BatchAhead({
      connection,
      tables: this.#tables,
      writer: this.#writer,
      headOf: (prepared, from) => this.#head(prepared, from),
    });
    this.#parts = new ApplyParts({
      connection,
      tables: this.#tables,
      writer: this.#writer,
      isOwn: this.#isOwn,
    });
  }

  /**
   * Ends the session that wrote here before. Throws Outranked where an owner with a greater epoch
   * did, SLOT_ACTIVE while another session holds the origin, GAP when there is no progress.
   */
  static async connect(options: ApplierOptions): Promise<Applier> {
    const { source, target, epoch, onConflicts } = options;
    const { session, originXactSetup } = await openApplySession(target, options);
    try {
      const guard = await readGuard(session, source, options.contenders.length > 0);
      const progress = await readProgress(session, source, epoch);
      const memory = await Memory.read(session, options);
      const names = { source, target: target.name };
      const frame = new TransactionFrame({ ...names, originXactSetup }, progress);
      const connection = new ApplyConnection({ ...names, session, frame, onConflicts });
      return new Applier(options, connection, { guard, memory });
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  /** What is committed on the target. */
  get progress(): Lsn {
    return this.#frame.progress;
  }

  /** What of it is on disk there, and may be confirmed. */
  get durableLsn(): Lsn {
    return this.#frame.durableLsn;
  }

  /** Until `flush` is due if nothing else is applied before; Infinity: nothing is to be flushed. */
  get flushInMs(): number {
    return this.#connection.flushInMs;
  }

  get lost(): AbortSignal {
    return this.session.lost;
  }

  /** For other work of this subscription on the target, such as the initial copy. */
  get session(): Session {
    return this.#connection.session;
  }

  /**
   * Applies whole transactions as one, or as few as their rows allow. Once it resolves they are committed on
   * the target. `next`: the batch that will follow, if it is known by then, to be prepared meanwhile.
   */
  async apply(batch: Batch, next: NextBatch = () => undefined): Promise<void> {
    const outcome = await this.#applyBatch(batch, next);
    if (outcome === 'at once' || outcome === 'in steps')
      this.#division.wasNotNeeded(changesOf(batch));
  }

  /** `allNew`: of a piece, whether the whole batch's tables were; that has described them for all of its pieces. */
  async #applyBatch(batch: Batch, next: NextBatch, allNew?: boolean): Promise<Outcome> {
    this.#expectNothingOpen();
    const { prepared, head, sent } = await this.#prepare(batch);
    this.#frame.refuseApplied(batch.endLsn);
    this.#applying = batch.transactions;
    const isNew = allNew ?? prepared.allNew;
    let outcome: Outcome;
    try {
      outcome = await applyBatch(prepared, {
        connection: this.#connection,
        writer: this.#writer,
        head,
        sent,
        divides: this.#division.isWorthIt(changesOf(batch)),
        meanwhile: () => this.#prepareNext(batch, next),
      });
    } catch (error) {
      await this.#connection.recordUndecided();
      throw isNew ? error : askAgain(error);
    }
    this.#smooth = outcome === 'at once';
    if (!this.#smooth) this.#ahead.hasFailed();
    await this.#forget();
    if (outcome === 'to be divided') await this.#applyDivided(batch, next, isNew);
    return outcome;
  }

  async #applyDivided({ transactions }: Batch, next: NextBatch, allNew: boolean): Promise<void> {
    const batches = divide(transactions).map(batchOf);
    let troubled = 0;
    for (const [i, batch] of batches.entries()) {
      const outcome = await this.#applyBatch(batch, () => batches[i + 1] ?? next(), allNew);
      if (outcome === 'to be divided' || outcome === 'with care') troubled += 1;
    }
    this.#division.found(troubled, batches.length);
  }

  /**
   * Applies one part of a transaction that is larger than memory; the last one commits it. Throws
   * ROWS_MISSING or UNIQUE_VIOLATION when the whole of it must be read again and go with more care.
   */
  async applyPart(part: TransactionPart, care: Care): Promise<void> {
    // Nothing can be flushed while it is open.
    if (part.first) await this.flush();
    this.#applying = [part];
    await this.#parts.apply(part, care);
  }

  /**
   * Nothing is on its way afterwards: a transaction of which only some parts arrived is undone, and what was
   * sent ahead is done or undone. All that `progress` does not tell will be sent again.
   */
  async settle(): Promise<void> {
    await this.#parts.abandon();
    await this.#ahead.settle();
  }

  /**
   * Stores a position that was passed without any change for this target; `seenTime`: of the source's clock, in
   * microseconds since 2000, as `Subscriber.passed` is told.
   */
  async pass(lsn: Lsn, seenTime: bigint | undefined): Promise<void> {
    this.#expectNothingOpen();
    await this.#ahead.settle();
    const results = await this.session.group([begin, this.#frame.pass(lsn, seenTime), commit]);
    this.#frame.committed(results.at(-1), lsn);
    this.#connection.flushed();
    await this.#forget();
  }

  /** Once it resolves all that is applied is durable on the target. */
  async flush(): Promise<void> {
    await this.#ahead.settle();
    if (this.durableLsn === this.progress) return;
    this.#expectNothingOpen();
    await this.#connection.flush();
  }

  #expectNothingOpen(): void {
    if (this.#parts.isOpen)
      throw new ReplicatorError('INTERNAL', 'a transaction of which parts came would be committed');
  }

  async close(): Promise<void> {
    await this.#ahead.settle().catch(() => {});
    await this.session.close();
  }

  destroy(): void {
    this.session.destroy();
  }

  /** Of its own stream a database applies nothing: it has it already. */
  get #isOwn(): boolean {
    return this.#options.source === this.#options.target.name;
  }

  /** `from`: where progress stands by then. */
  #head({ batch, tables }: PreparedBatch, from: Lsn): Statement[] {
    const { transactions, commitTime } = batch;
    return [
      begin,
      ...(this.#isOwn ? [awaitVisible(transactions)] : []),
      ...(isContested(tables) ? this.#frame.contend(commitTime) : []),
      this.#frame.advance(batch, countChanges(this.#isOwn ? [] : transactions), from),
      this.#frame.stamp(batch),
    ];
  }

  async #prepare(batch: Batch): Promise<Ahead> {
    const ahead = this.#ahead.take(batch);
    if (ahead !== undefined) return ahead;
    await this.#ahead.settle();
    const loaded = await this.#tables.load(batch.transactions);
    const prepared = prepareBatch(batch, loaded, this.#writer);
    return { prepared, head: this.#head(prepared, this.#frame.progress) };
  }

  /** Own streams wait for nothing here. */
  #prepareNext(current: Batch, next: NextBatch): void {
    const batch = this.#isOwn ? undefined : next();
    if (batch !== undefined) this.#ahead.prepare(batch, current, this.#smooth);
  }

  /** What decides nothing any more, from time to time. */
  async #forget(): Promise<void> {
    const { contenders, conflictRetentionMs } = this.#options;
    if (contenders.length === 0 || performance.now() < this.#forgetAt) return;
    this.#forgetAt = performance.now() + forgetPauseMs;
    await this.#connection.untilAlone();
    const forget = [forgetVersions(contenders), forgetConflicts(conflictRetentionMs)];
    await this.session.group([begin, contend, ...forget, commit]);
    await this.#memory.readAgain(this.session);
  }
}

function changesOf({ transactions }: Batch): number {
  return transactions.reduce((sum, { changes }) => sum + changes.length, 0);
}

/**
 * What a server refuses may be due to what was believed of its tables: before a person is asked, a
 * new session describes them anew, and the batch is tried once more.
 */
function askAgain(error: unknown): unknown {
  const refused =
    error instanceof ReplicatorError && error.retry === 'manual' && error.sqlstate !== undefined;
  return refused ? new ReplicatorError('BATCH_REFUSED', error.message, { cause: error }) : error;
}
