// One source's changes into one target: batches as transactions that carry the source's origin and
// commit time, and our progress. One connection, used by nobody else, given up on the first doubt.
import type { DatabaseConfig } from '../../config/config.ts';
import type { Batch } from '../../model/batch.ts';
import type { ConflictCounts } from '../../model/conflict.ts';
import { ReplicatorError } from '../../model/errors.ts';
import type { Lsn } from '../../model/lsn.ts';
import type { TransactionPart } from '../../model/transaction.ts';
import type { Session } from '../../postgres/session.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import { ConflictLedger } from '../conflict/conflict-ledger.ts';
import { forgetConflicts } from '../conflict/conflict-log.ts';
import { Contest } from '../conflict/contest.ts';
import { forgetVersions } from '../conflict/forget-versions.ts';
import type { Clash } from '../conflict/look-at-values.ts';
import { OwnWriter } from '../conflict/own-writer.ts';
import { readGuard } from '../conflict/read-guard.ts';
import type { Settled } from '../conflict/settle-row.ts';
import { type ChangeCounts, readProgress } from '../progress/progress.ts';
import { type ApplySessionOptions, openApplySession } from './apply-session.ts';
import { expectShapes } from './expect-shapes.ts';
import type { FetchRows, FetchRowsOf } from './fetch-rows.ts';
import { countChanges, type Fold, type PlannedStatement } from './plan-batch.ts';
import { isSameBatch, type PreparedBatch, prepareBatch } from './prepare-batch.ts';
import { StatementNames } from './row-statements.ts';
import type { TargetTable } from './target-table.ts';
import { type ContestedOf, TargetTables } from './target-tables.ts';
import {
  awaitVisible,
  begin,
  commit,
  contend,
  type Destination,
  TransactionFrame,
  xidsOf,
} from './transaction-frame.ts';
import { SourceWriter, type Writer } from './writer.ts';

export interface ApplierOptions extends ApplySessionOptions {
  readonly target: DatabaseConfig;
  readonly contestedOf: ContestedOf;
  /** All whose changes meet in the target's tables, itself among them; empty when none do. */
  readonly contenders: readonly string[];
  readonly conflictRetentionMs: number;
  readonly fetchRowsOf: FetchRowsOf;
  /** By the oid of the source's table: the target's; filled once its tables have joined. */
  readonly targetOids?: ReadonlyMap<number, string>;
  readonly onConflicts: (counts: ConflictCounts) => void;
}

export type NextBatch = () => Batch | undefined;

interface OpenTransaction {
  readonly counts: ChangeCounts;
  readonly carefully: boolean;
  contended: boolean;
}

const forgetPauseMs = 60_000;

export class Applier {
  readonly #options: ApplierOptions;
  readonly #session: Session;
  readonly #frame: TransactionFrame;
  readonly #tables: TargetTables;
  readonly #writer: Writer;
  readonly #names = new StatementNames();
  #forgetAt = Date.now() + forgetPauseMs * Math.random();
  readonly #ledger: ConflictLedger;
  #open: OpenTransaction | undefined;
  #ahead: PreparedBatch | undefined;
  #applying: readonly TransactionPart[] = [];

  private constructor(
    options: ApplierOptions,
    session: Session,
    frame: TransactionFrame,
    makeWriter: (applier: Applier) => Writer,
  ) {
    this.#options = options;
    this.#session = session;
    this.#frame = frame;
    this.#tables = new TargetTables(session, {
      contestedOf: options.contestedOf,
      oidOf: ({ oid }) => options.targetOids?.get(oid),
    });
    this.#ledger = new ConflictLedger({
      source: options.source,
      target: options.target.name,
      execute: (statements) => this.#execute(statements),
    });
    this.#writer = makeWriter(this);
  }

  /**
   * Ends the session that wrote here before. Throws Outranked where an owner with a greater epoch
   * did, SLOT_ACTIVE while another session holds the origin, GAP when there is no progress.
   */
  static async connect(options: ApplierOptions): Promise<Applier> {
    const { source, target, epoch, fetchRowsOf } = options;
    const { session, originXactSetup } = await openApplySession(target, options);
    try {
      const guard = await readGuard(session, source, options.contenders.length > 0);
      const progress = await readProgress(session, source, epoch);
      const frame = new TransactionFrame(
        { source, target: target.name, originXactSetup },
        progress,
      );
      return new Applier(options, session, frame, (applier) => {
        const execute = (statements: readonly Statement[]) => applier.#execute(statements);
        const fetchRows: FetchRows = (table, keys) =>
          fetchRowsOf(xidsOf(applier.#applying))(table, keys);
        const ledger = applier.#ledger;
        const onClash = (clash: Clash) => ledger.clashed(clash);
        if (source === target.name) {
          const self = { name: source, rank: guard.rank };
          return new OwnWriter({
            self,
            execute,
            onClash,
            tableOf: (relation) => applier.#tables.of(relation),
          });
        }
        const tables = applier.#tables;
        const onDecided = (settled: Settled) => ledger.decided(settled);
        const contest = new Contest({ guard, fetchRows, execute, onDecided, onClash });
        return new SourceWriter({ tables, contest, fetchRows, execute, ledger });
      });
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  get progress(): Lsn {
    return this.#frame.progress;
  }

  get lost(): AbortSignal {
    return this.#session.lost;
  }

  /** For other work of this subscription on the target, such as the initial copy. */
  get session(): Session {
    return this.#session;
  }

  /**
   * Applies whole transactions as one. Once it resolves they are durable on the target. `next`: the
   * batch that will follow, if it is known by then, to be prepared meanwhile.
   */
  async apply(batch: Batch, next: NextBatch = () => undefined): Promise<void> {
    await this.#apply(batch, next);
    await this.#forget();
  }

  async #apply(batch: Batch, next: NextBatch): Promise<void> {
    const { transactions, endLsn, commitTime } = batch;
    this.#frame.refuseApplied(endLsn);
    this.#applying = transactions;
    const { tables, allNew, folds, plan, shapes, ...prepared } = await this.#prepare(batch);
    const head = [
      begin,
      ...(this.#isOwn ? [awaitVisible(transactions)] : []),
      ...(isContended(tables) ? this.#frame.contend(commitTime) : []),
      this.#frame.advance(batch, this.#countChanges(transactions)),
      this.#frame.stamp(batch),
      ...this.#named(prepared.accompany),
    ];
    try {
      const asSets = [...head, ...this.#named(prepared.claims)];
      const done =
        (plan !== undefined && (await this.#atOnce(asSets, plan, shapes, batch, next))) ||
        (await this.#gradually(asSets, shapes, batch, () =>
          this.#writer.writeStepwise(folds, transactions),
        ));
      if (done) return;
      await this.#carefully(head, shapes, batch, folds);
    } catch (error) {
      await this.#recordUndecided();
      throw allNew ? error : askAgain(error);
    }
  }

  /**
   * Applies one part of a transaction that is larger than memory; the last one commits it. Throws
   * ROWS_MISSING or UNIQUE_VIOLATION when the whole of it must be read again and go `carefully`.
   */
  async applyPart(part: TransactionPart, carefully: boolean): Promise<void> {
    if (part.first !== (this.#open === undefined))
      throw new ReplicatorError('INTERNAL', 'parts of two transactions would be mixed');
    this.#applying = [part];
    const { tables } = await this.#tables.load([part]);
    const folds = this.#writer.fold([part]);
    this.#open ??= await this.#beginParts(carefully, part);
    const { counts } = this.#open;
    const { commitTime } = part.transaction;
    await this.#contendOnce(this.#open, tables, commitTime);
    await this.#execute(this.#writer.accompany(folds, commitTime));
    try {
      if (this.#open.carefully) await this.#writer.writeCarefully([part], folds);
      else {
        await this.#execute(this.#writer.claims(folds));
        await this.#writer.writeStepwise(folds, [part]);
      }
    } catch (error) {
      await this.#recordUndecided();
      throw error;
    }
    await this.#execute(expectShapes(tables));
    for (const [kind, n] of Object.entries(this.#countChanges([part])))
      counts[kind as keyof typeof counts] += n;
    if (part.endLsn === undefined) return;
    this.#frame.refuseApplied(part.endLsn);
    const end = { endLsn: part.endLsn, commitTime };
    await this.#commit([this.#frame.advance(end, counts), this.#frame.stamp(end)], end);
    this.#open = undefined;
  }

  /** A transaction of which only some parts arrived is undone; it will be sent again. */
  async abandonPart(): Promise<void> {
    if (this.#open === undefined) return;
    this.#open = undefined;
    await this.#rollback();
  }

  /**
   * Stores a position that was passed without any change for this target; `seenTime` is the source's
   * clock at that position, in microseconds since 2000.
   */
  async pass(lsn: Lsn, seenTime: bigint | undefined): Promise<void> {
    if (this.#open !== undefined)
      throw new ReplicatorError('INTERNAL', 'a position would be stored inside a transaction');
    const results = await this.#session.group([begin, this.#frame.pass(lsn, seenTime), commit]);
    this.#frame.committed(results.at(-1), lsn);
    await this.#forget();
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  destroy(): void {
    this.#session.destroy();
  }

  /** Of its own stream a database applies nothing: it has it already. */
  #countChanges(parts: readonly TransactionPart[]): ChangeCounts {
    return countChanges(this.#isOwn ? [] : parts);
  }

  get #isOwn(): boolean {
    return this.#options.source === this.#options.target.name;
  }

  async #prepare(batch: Batch): Promise<PreparedBatch> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead !== undefined && isSameBatch(ahead.batch, batch)) return ahead;
    const loaded = await this.#tables.load(batch.transactions);
    return prepareBatch(batch, loaded, this.#writer);
  }

  /** Whatever is wrong with it is said when its turn has come. Own streams wait for nothing here. */
  #prepareAhead(next: NextBatch): void {
    const batch = this.#isOwn ? undefined : next();
    const loaded = batch && this.#tables.known(batch.transactions);
    if (batch === undefined || loaded === undefined) return;
    try {
      this.#ahead = prepareBatch(batch, loaded, this.#writer);
    } catch {
      this.#ahead = undefined;
    }
  }

  /** The statements and their COMMIT in one go. False, and rolled back, when rows need a look. */
  async #atOnce(
    head: readonly Statement[],
    plan: readonly PlannedStatement[],
    shapes: readonly Statement[],
    { endLsn }: Destination,
    next: NextBatch,
  ): Promise<boolean> {
    this.#ledger.clear();
    const statements = this.#named(plan.map(({ statement }) => statement));
    try {
      const reply = this.#session.group([...head, ...statements, ...shapes, commit]);
      this.#prepareAhead(next);
      const results = await reply;
      this.#frame.committed(results.at(-1), endLsn);
      this.#writer.count(plan, results.slice(head.length));
    } catch (error) {
      if (!needsCare(error)) throw error;
      this.#writer.refused();
      await this.#rollback();
      return false;
    }
    // Behind the commit, so that a crash may leave them uncounted; they changed no row.
    await this.#execute(this.#countConflicts());
    return true;
  }

  async #gradually(
    head: readonly Statement[],
    shapes: readonly Statement[],
    to: Destination,
    write: () => Promise<void>,
  ): Promise<boolean> {
    this.#ledger.clear();
    try {
      await this.#session.group(head);
      await write();
    } catch (error) {
      if (!needsCare(error)) throw error;
      await this.#rollback();
      return false;
    }
    await this.#commit(shapes, to);
    return true;
  }

  async #carefully(
    head: readonly Statement[],
    shapes: readonly Statement[],
    batch: Batch,
    folds: readonly Fold[],
  ): Promise<void> {
    const contestsValues = folds.some(
      (fold) => fold.kind === 'step' && fold.table.uniques.length > 0,
    );
    for (let attempt = 1; ; attempt += 1) {
      this.#ledger.clear();
      try {
        await this.#session.group(head);
        await this.#writer.writeCarefully(batch.transactions, folds);
      } catch (error) {
        // A user may take a value in the very moment between the look at it and the write.
        if (!contestsValues || !isUniqueViolation(error) || attempt === 5) throw error;
        await this.#rollback();
        continue;
      }
      return await this.#commit(shapes, batch);
    }
  }

  async #commit(last: readonly Statement[], { endLsn }: Destination): Promise<void> {
    const results = await this.#session.group([...last, ...this.#countConflicts(), commit]);
    this.#frame.committed(results.at(-1), endLsn);
  }

  /** The progress row is locked from the start, which keeps a second replicator out. */
  async #beginParts(carefully: boolean, part: TransactionPart): Promise<OpenTransaction> {
    this.#ledger.clear();
    const visible = this.#isOwn ? [awaitVisible([part])] : [];
    await this.#session.group([begin, ...visible, this.#frame.touch()]);
    return { counts: countChanges([]), carefully, contended: false };
  }

  async #contendOnce(
    open: OpenTransaction,
    tables: ReadonlySet<TargetTable>,
    time: bigint,
  ): Promise<void> {
    if (open.contended || !isContended(tables)) return;
    open.contended = true;
    await this.#session.group(this.#frame.contend(time));
  }

  /** What decides nothing any more, from time to time. */
  async #forget(): Promise<void> {
    const { contenders, conflictRetentionMs } = this.#options;
    if (contenders.length === 0 || Date.now() < this.#forgetAt) return;
    this.#forgetAt = Date.now() + forgetPauseMs;
    const forget = [forgetVersions(contenders), forgetConflicts(conflictRetentionMs)];
    await this.#session.group([begin, contend, ...forget, commit]);
  }

  /** What a person has to decide must be there for them to see. */
  async #recordUndecided(): Promise<void> {
    const undecided = this.#ledger.undecided();
    if (undecided.length === 0) return;
    await this.#rollback();
    await this.#session.group([begin, ...undecided, commit]);
  }

  async #rollback(): Promise<void> {
    this.#ledger.clear();
    await this.#session.rollback();
  }

  async #execute(statements: readonly Statement[]): Promise<readonly GroupResult[]> {
    return statements.length === 0 ? [] : await this.#session.group(this.#named(statements));
  }

  #named(statements: readonly Statement[]): Statement[] {
    return statements.map((each) => ({ ...each, name: this.#names.of(each.text) }));
  }

  #countConflicts(): Statement[] {
    const statements = this.#ledger.statements();
    if (statements.length > 0) this.#options.onConflicts(this.#ledger.summary);
    return statements;
  }
}

function isContended(tables: ReadonlySet<TargetTable>): boolean {
  return [...tables].some(({ contested, key }) => contested !== undefined && key !== undefined);
}

/** Failures that say nothing against the changes themselves, only against applying them as sets. */
function needsCare(error: unknown): boolean {
  return (
    isUniqueViolation(error) || (error instanceof ReplicatorError && error.code === 'ROWS_MISSING')
  );
}

function isUniqueViolation(error: unknown): boolean {
  return error instanceof ReplicatorError && error.code === 'UNIQUE_VIOLATION';
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
