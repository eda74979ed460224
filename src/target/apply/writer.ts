// How the changes of a batch are written inside of a transaction that somebody else begins and ends.
import type { Batch } from '../../model/batch.ts';
import { isWhole, type TransactionPart } from '../../model/transaction.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import type { ConflictLedger } from '../conflict/conflict-ledger.ts';
import type { Contest } from '../conflict/contest.ts';
import type { WholeOptions } from '../conflict/guarded-statements.ts';
import { applyCarefully } from './apply-carefully.ts';
import type { FetchRows } from './fetch-rows.ts';
import {
  type Fold,
  foldBatch,
  type PlannedStatement,
  planStep,
  truncateTables,
} from './plan-batch.ts';
import type { TargetTable } from './target-table.ts';
import type { TargetTables } from './target-tables.ts';
import { planWholeRows } from './whole-row-statements.ts';

export interface Writer {
  /** What of them there is to write, for `plan`. */
  fold(parts: readonly TransactionPart[]): Fold[];
  /** The same for all that is not planned, with what only that must know. */
  foldInFull(parts: readonly TransactionPart[]): Fold[];
  /** All at once, with the COMMIT behind them; undefined when that cannot be. */
  plan(
    folds: readonly Fold[],
    batch: Batch,
    tables: ReadonlySet<TargetTable>,
  ): PlannedStatement[] | undefined;
  /** One part of a transaction, of tables that one database writes to; undefined when it goes step by step. */
  planPart(part: TransactionPart): PlannedStatement[] | undefined;
  /** The plan raised that it must not be done so. */
  refused(): void;
  /** What must go with the writes where they do not go by the plan: raises nothing. */
  accompany(folds: readonly Fold[], stamp: bigint): Statement[];
  /** What unique values the writes take; raises UNIQUE_VIOLATION when they must go carefully. */
  claims(folds: readonly Fold[]): Statement[];
  /** One step after the other, settling at once what the sets leave. */
  writeStepwise(folds: readonly Fold[]): Promise<void>;
  /** Down to one change after the other; `folds` is what they come to. */
  writeCarefully(parts: readonly TransactionPart[], folds: readonly Fold[]): Promise<void>;
  /** Counts the conflicts that the results of planned statements tell. */
  count(plan: readonly PlannedStatement[], results: readonly GroupResult[]): void;
}

export interface SourceWriterOptions {
  readonly tables: TargetTables;
  readonly contest: Contest;
  readonly fetchRows: FetchRows;
  readonly execute: (statements: readonly Statement[]) => Promise<readonly GroupResult[]>;
  /** Undefined, and they have done nothing, where one raises that rows are missing or in the way. */
  readonly attempt: (
    statements: readonly Statement[],
  ) => Promise<readonly GroupResult[] | undefined>;
  readonly ledger: ConflictLedger;
}

/** Where a batch was refused, rows that are inserted may exist in the next ones as well. */
const waryBatches = 100;

/** Writes what another database has committed. */
export class SourceWriter implements Writer {
  readonly #options: SourceWriterOptions;
  #wary = 0;

  constructor(options: SourceWriterOptions) {
    this.#options = options;
  }

  fold(parts: readonly TransactionPart[]): Fold[] {
    return this.#fold(parts, { inFull: this.#wary > 0 });
  }

  foldInFull(parts: readonly TransactionPart[]): Fold[] {
    return this.#fold(parts, { inFull: true });
  }

  plan(folds: readonly Fold[], batch: Batch): PlannedStatement[] | undefined {
    if (this.#options.contest.asks(folds, batch)) return undefined;
    const hiding = this.#options.contest.hides(batch) ? batch.commitTime : undefined;
    const mayExist = this.#wary > 0;
    if (mayExist) this.#wary -= 1;
    return folds.flatMap((fold) => this.#plan(fold, { hiding, mayExist }));
  }

  planPart(part: TransactionPart): PlannedStatement[] {
    const folds = this.#fold([part], { inFull: false });
    return folds.flatMap((fold) => this.#plan(fold, { mayExist: false }));
  }

  refused(): void {
    this.#wary = waryBatches;
  }

  accompany(folds: readonly Fold[], stamp: bigint): Statement[] {
    return this.#options.contest.manifests(folds, stamp);
  }

  claims(folds: readonly Fold[]): Statement[] {
    return this.#options.contest.claims(folds);
  }

  async writeStepwise(folds: readonly Fold[]): Promise<void> {
    const { contest, execute } = this.#options;
    for (const fold of folds) {
      if (fold.kind === 'step' && fold.table.contested && fold.table.key !== undefined)
        await contest.applyStep(fold.table, fold.table.key, fold.step);
      else {
        const plan = this.#plan(fold, { mayExist: true });
        if (plan.length === 0) continue;
        this.count(plan, await execute(plan.map(({ statement }) => statement)));
      }
    }
  }

  async writeCarefully(parts: readonly TransactionPart[], folds: readonly Fold[]): Promise<void> {
    const { tables, contest, fetchRows, execute, ledger } = this.#options;
    const written = await this.#writeUntroubled(folds);
    await applyCarefully(parts, {
      tableOf: (relation) => tables.of(relation),
      attempt: async (piece) => await this.#attempt(piece),
      // What is a batch by itself comes here for that; it says less of each of several, or of a part.
      refused: parts.length === 1 && parts.every(isWhole),
      execute: async (statement) => {
        const [result] = await execute([statement]);
        return result ?? { rows: [], command: '', rowCount: 0 };
      },
      fetchRows,
      contest,
      written,
      onConflict: (kind) => ledger.count(kind, resolutions[kind], 1),
    });
  }

  async #attempt(part: TransactionPart): Promise<boolean> {
    const plan = this.foldInFull([part]).flatMap((fold) => this.#plan(fold, { mayExist: true }));
    const results = await this.#options.attempt(plan.map(({ statement }) => statement));
    if (results !== undefined) this.count(plan, results);
    return results !== undefined;
  }

  /**
   * Tables are independent of each other. Where versions decide and no second unique key does, the sets
   * leave to the rule what is not plain, so it was another table that asked for care.
   */
  async #writeUntroubled(folds: readonly Fold[]): Promise<ReadonlySet<TargetTable>> {
    const written = new Set<TargetTable>();
    if (folds.some(({ kind }) => kind === 'truncate')) return written;
    // By the oid: a table whose definition changed in between may have them before, or behind that.
    const withUniques = new Set(
      folds.flatMap((fold) =>
        fold.kind === 'step' && fold.table.uniques.length > 0 ? [fold.table.oid] : [],
      ),
    );
    for (const fold of folds) {
      if (fold.kind !== 'step' || !fold.table.contested || fold.table.key === undefined) continue;
      if (withUniques.has(fold.table.oid)) continue;
      await this.#options.contest.applyStep(fold.table, fold.table.key, fold.step);
      written.add(fold.table);
    }
    return written;
  }

  count(plan: readonly PlannedStatement[], results: readonly GroupResult[]): void {
    for (const [i, { expects }] of plan.entries()) {
      const result = results[i];
      if (result === undefined) continue;
      const { ledger } = this.#options;
      if (expects.kind === 'insert')
        ledger.count('insert_exists', 'apply_remote', Number(result.rows[0]?.[0] ?? 0));
      if (expects.kind === 'delete')
        ledger.count('delete_missing', 'skip', expects.rows - result.rowCount);
    }
  }

  #fold(parts: readonly TransactionPart[], options: { readonly inFull: boolean }): Fold[] {
    return foldBatch(parts, (relation) => this.#options.tables.of(relation), options);
  }

  #plan(fold: Fold, options: WholeOptions): PlannedStatement[] {
    const { tables, contest } = this.#options;
    if (fold.kind === 'truncate')
      return truncateTables(fold.change, (relation) => tables.of(relation)).map(expectNothing);
    if (fold.kind === 'whole rows') return planWholeRows(fold.table, fold.step);
    const { table, step } = fold;
    if (!table.contested || table.key === undefined) return planStep(table, step, options);
    return contest.plan(table, table.key, step, options).map(expectNothing);
  }
}

function expectNothing(statement: Statement): PlannedStatement {
  return { statement, expects: { kind: 'nothing' } };
}

/** Where one database writes, its change is always applied. */
const resolutions = {
  insert_exists: 'apply_remote',
  update_missing: 'apply_remote',
  delete_missing: 'skip',
} as const;
