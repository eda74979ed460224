// One source's changes into one target: batches as transactions that carry the source's origin and
// commit time, and our progress. One connection, used by nobody else, given up on the first doubt.
import type { DatabaseConfig } from '../../config/config.ts';
import type { Batch } from '../../model/batch.ts';
import type { Change } from '../../model/change.ts';
import { formatCommitTime } from '../../model/commit-time.ts';
import type { ConflictCounts, ConflictKind } from '../../model/conflict.ts';
import { ReplicatorError } from '../../model/errors.ts';
import { formatLsn, type Lsn } from '../../model/lsn.ts';
import type { Relation } from '../../model/relation.ts';
import type { TransactionPart } from '../../model/transaction.ts';
import type { Session } from '../../postgres/session.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import {
  advanceStatement,
  countConflicts,
  type Progress,
  readProgress,
} from '../progress/progress.ts';
import { applyCarefully, type FetchRow } from './apply-carefully.ts';
import { openApplySession } from './apply-session.ts';
import { expectShapes } from './expect-shapes.ts';
import { countChanges, type PlannedStatement, planBatch } from './plan-batch.ts';
import { StatementNames } from './row-statements.ts';
import { TargetTables } from './target-tables.ts';

export interface ApplierOptions {
  readonly source: string;
  readonly target: DatabaseConfig;
  /** Of the owner of the source that this process is. */
  readonly epoch: bigint;
  readonly lockTimeoutMs: number;
  readonly fetchRow: FetchRow;
  readonly onConflicts: (counts: ConflictCounts) => void;
}

interface OpenTransaction {
  readonly counts: ReturnType<typeof countChanges>;
  readonly carefully: boolean;
}

const nothing = { inserts: 0, updates: 0, deletes: 0, truncates: 0 };

export class Applier {
  readonly #options: ApplierOptions;
  readonly #session: Session;
  readonly #tables: TargetTables;
  readonly #names = new StatementNames();
  readonly #originXactSetup: string;
  #progress: Progress;
  #open: OpenTransaction | undefined;

  private constructor(
    options: ApplierOptions,
    session: Session,
    originXactSetup: string,
    progress: Progress,
  ) {
    this.#options = options;
    this.#session = session;
    this.#tables = new TargetTables(session);
    this.#originXactSetup = originXactSetup;
    this.#progress = progress;
  }

  /**
   * Ends the session that wrote here before. Throws Outranked where an owner with a greater epoch
   * did, SLOT_ACTIVE while another session holds the origin, GAP when there is no progress.
   */
  static async connect(options: ApplierOptions): Promise<Applier> {
    const { source, target, epoch } = options;
    const { session, originXactSetup } = await openApplySession(target, options);
    try {
      return new Applier(
        options,
        session,
        originXactSetup,
        await readProgress(session, source, epoch),
      );
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  get progress(): Lsn {
    return this.#progress.lsn;
  }

  get lost(): AbortSignal {
    return this.#session.lost;
  }

  /** For other work of this subscription on the target, such as the initial copy. */
  get session(): Session {
    return this.#session;
  }

  /** Applies whole transactions as one. Once it resolves they are durable on the target. */
  async apply(batch: Batch): Promise<void> {
    this.#refuseApplied(batch.endLsn);
    const { tables, allNew } = await this.#tables.load(batch.changes);
    const plan = planBatch(batch.changes, (relation) => this.#tables.of(relation));
    const counts = countChanges(batch.changes);
    const head = [
      { text: 'begin', name: 'begin' },
      this.#advance(batch, counts),
      this.#stamp(batch),
    ];
    try {
      const results = await this.#session.group([
        ...head,
        ...plan.map(({ statement }) => this.#named(statement)),
        ...expectShapes(tables),
        { text: 'commit', name: 'commit' },
      ]);
      this.#committed(results.at(-1), batch.endLsn);
      await this.#count(conflictsOf(plan, results.slice(head.length)));
    } catch (error) {
      if (!needsCare(error)) throw allNew ? error : askAgain(error);
      await this.#session.rollback();
      await this.#session.group(head);
      await this.#count(await this.#carefully(batch.changes));
      const results = await this.#session.group([
        ...expectShapes(tables),
        { text: 'commit', name: 'commit' },
      ]);
      this.#committed(results.at(-1), batch.endLsn);
    }
  }

  /**
   * Applies one part of a transaction that is larger than memory; the last one commits it. Throws
   * ROWS_MISSING or UNIQUE_VIOLATION when the whole of it must be read again and go `carefully`.
   */
  async applyPart(part: TransactionPart, carefully: boolean): Promise<void> {
    if (part.first !== (this.#open === undefined))
      throw new ReplicatorError('INTERNAL', 'parts of two transactions would be mixed');
    this.#open ??= await this.#begin(carefully);
    const { tables } = await this.#tables.load(part.changes);
    if (this.#open.carefully) await this.#count(await this.#carefully(part.changes));
    else if (part.changes.length > 0) {
      const plan = planBatch(part.changes, (relation) => this.#tables.of(relation));
      const results = await this.#session.group([
        ...plan.map(({ statement }) => this.#named(statement)),
        ...expectShapes(tables),
      ]);
      await this.#count(conflictsOf(plan, results));
    }
    const { counts } = this.#open;
    for (const [kind, n] of Object.entries(countChanges(part.changes)))
      counts[kind as keyof typeof counts] += n;
    if (part.endLsn === undefined) return;
    this.#refuseApplied(part.endLsn);
    const end = { endLsn: part.endLsn, commitTime: part.transaction.commitTime };
    const results = await this.#session.group([
      this.#advance(end, counts),
      this.#stamp(end),
      { text: 'commit', name: 'commit' },
    ]);
    this.#open = undefined;
    this.#committed(results.at(-1), part.endLsn);
  }

  /** A transaction of which only some parts arrived is undone; it will be sent again. */
  async abandonPart(): Promise<void> {
    if (this.#open === undefined) return;
    this.#open = undefined;
    await this.#session.rollback();
  }

  /** Stores a position that was passed without any change for this target. */
  async pass(lsn: Lsn): Promise<void> {
    if (this.#open !== undefined)
      throw new ReplicatorError('INTERNAL', 'a position would be stored inside a transaction');
    const results = await this.#session.group([
      { text: 'begin', name: 'begin' },
      this.#advance({ endLsn: lsn, commitTime: undefined }, nothing),
      { text: 'commit', name: 'commit' },
    ]);
    this.#committed(results.at(-1), lsn);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  destroy(): void {
    this.#session.destroy();
  }

  /** The progress row is locked from the start, which keeps a second replicator out. */
  async #begin(carefully: boolean): Promise<OpenTransaction> {
    const here = { endLsn: this.#progress.lsn, commitTime: undefined };
    await this.#session.group([{ text: 'begin', name: 'begin' }, this.#advance(here, nothing)]);
    return { counts: { ...nothing }, carefully };
  }

  // The swap on the server proves that nobody moved the progress since; this, that it moves forward.
  #refuseApplied(endLsn: Lsn): void {
    if (endLsn > this.#progress.lsn) return;
    const where = `${this.#options.source}:${this.#options.target.name}`;
    throw new ReplicatorError(
      'FENCED',
      `${where}: changes up to ${formatLsn(endLsn)} are applied already`,
    );
  }

  #advance(to: { endLsn: Lsn; commitTime: bigint | undefined }, counts: typeof nothing): Statement {
    return advanceStatement({
      source: this.#options.source,
      progress: this.#progress,
      next: to.endLsn,
      commitTime: to.commitTime,
      counts,
    });
  }

  // In every transaction: PostgreSQL keeps the last one's for a session that does not say anew.
  #stamp({ endLsn, commitTime }: { endLsn: Lsn; commitTime: bigint }): Statement {
    return {
      name: 'stamp',
      text: `select ${this.#originXactSetup}($1, $2)`,
      values: [formatLsn(endLsn), formatCommitTime(commitTime)],
    };
  }

  #named(statement: Statement): Statement {
    return { ...statement, name: this.#names.of(statement.text) };
  }

  /** COMMIT of a failed transaction succeeds as ROLLBACK; only the tag tells. */
  #committed(result: GroupResult | undefined, lsn: Lsn): void {
    if (result?.command !== 'COMMIT')
      throw new ReplicatorError('INTERNAL', `COMMIT ended as ${result?.command}`);
    this.#progress = { ...this.#progress, lsn };
  }

  async #carefully(changes: readonly Change[]): Promise<ConflictCounts> {
    const counts: ConflictCounts = {};
    await applyCarefully(changes, {
      tableOf: (relation: Relation) => this.#tables.of(relation),
      execute: async (statement) => {
        const [result] = await this.#session.group([this.#named(statement)]);
        if (result === undefined)
          throw new ReplicatorError('INTERNAL', 'a statement had no result');
        return result;
      },
      fetchRow: this.#options.fetchRow,
      onConflict: (kind: ConflictKind) => {
        counts[kind] = (counts[kind] ?? 0) + 1;
      },
    });
    return counts;
  }

  /** Behind a batch that is committed, a crash may leave them uncounted; they change no row. */
  async #count(counts: ConflictCounts): Promise<void> {
    const total = Object.values(counts).reduce((sum, n) => sum + n, 0);
    if (total === 0) return;
    this.#options.onConflicts(counts);
    await this.#session.group([countConflicts(this.#options.source, total)]);
  }
}

/** Failures that say nothing against the changes themselves, only against applying them as sets. */
function needsCare(error: unknown): boolean {
  return (
    error instanceof ReplicatorError &&
    (error.code === 'ROWS_MISSING' || error.code === 'UNIQUE_VIOLATION')
  );
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

function conflictsOf(
  plan: readonly PlannedStatement[],
  results: readonly GroupResult[],
): ConflictCounts {
  let existed = 0;
  let missing = 0;
  for (const [i, { expects }] of plan.entries()) {
    const result = results[i];
    if (result === undefined) continue;
    if (expects.kind === 'insert') existed += Number(result.rows[0]?.[0] ?? 0);
    if (expects.kind === 'delete') missing += Math.max(0, expects.rows - result.rowCount);
  }
  return {
    ...(existed > 0 && { insert_exists: existed }),
    ...(missing > 0 && { delete_missing: missing }),
  };
}
