// The changes of one source to the tables that several databases write to: as sets at once, as sets
// whose leftovers are settled by the rule, or all one by one. All three come to the same rows.
import type { Batch } from '../../model/batch.ts';
import type { TableName } from '../../model/relation.ts';
import type { TransactionPart } from '../../model/transaction.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import { type FetchRows, withoutUnsent } from '../apply/fetch-rows.ts';
import type { Fold } from '../apply/plan-batch.ts';
import type { RowDelete, RowWrite, SingleRow, Step } from '../apply/step.ts';
import type { KeyColumn, TargetTable } from '../apply/target-table.ts';
import { claimValues } from './claim-values.ts';
import { completeRows, isIncomplete, withoutPresent } from './complete-rows.ts';
import type { Guard, WholeOptions } from './guarded-statements.ts';
import type { WrittenAt } from './look-at-values.ts';
import { planGuarded, planManifests } from './plan-guarded.ts';
import { type SettleContext, settleRow } from './settle-row.ts';
import { settleRows } from './settle-rows.ts';

/** Of what is being applied, if not of these: whether rows are asked for whose values were sent. */
export type Asks = (parts?: readonly TransactionPart[]) => boolean;

export interface AskOptions {
  /**
   * So for changes that are older than what is remembered of rows that were deleted or changed: the source's own table
   * has what came of them.
   */
  readonly asks: Asks;
  readonly onAsked: (table: TableName) => Promise<void>;
}

export interface ContestOptions extends Omit<SettleContext, 'rank'>, AskOptions {
  readonly guard: Guard;
  readonly fetchRows: FetchRows;
}

export class Contest {
  readonly #options: ContestOptions;
  readonly #context: SettleContext;

  constructor(options: ContestOptions) {
    this.#options = options;
    this.#context = { ...options, rank: options.guard.rank };
  }

  /** Statements that raise unless every row passes; the rows must be complete. */
  plan(
    table: TargetTable,
    key: readonly KeyColumn[],
    step: Step,
    options: WholeOptions,
  ): Statement[] {
    const plan = planGuarded(table, key, step, this.#options.guard, options);
    return plan.map(({ guarded }) => guarded.whole());
  }

  /** Whether one of its rows is to be asked for. */
  asks(folds: readonly Fold[], { transactions }: Batch): boolean {
    const asksForAll = this.#options.asks(transactions);
    return folds.some(
      (fold) =>
        fold.kind === 'step' &&
        fold.table.contested &&
        (asksForAll ||
          fold.step.updates.some(isIncomplete) ||
          fold.step.inserts.some(isIncomplete)),
    );
  }

  /** Whether there is anything that a manifest must tell. */
  hides({ transactions, commitTime }: Batch): boolean {
    if (this.#options.guard.originId === undefined) return true;
    return transactions.some(({ transaction }) => transaction.commitTime !== commitTime);
  }

  manifests(folds: readonly Fold[], stamp: bigint): Statement[] {
    return planManifests(folds, this.#options.guard, stamp);
  }

  /** Raises UNIQUE_VIOLATION when the batch must go `carefully`. */
  claims(folds: readonly Fold[]): Statement[] {
    return claimValues(folds, this.#options.guard.rank);
  }

  /** Sets first, then what they left; what was not sent is fetched in between. */
  async applyStep(table: TargetTable, key: readonly KeyColumn[], step: Step): Promise<void> {
    const { guard: ours, execute } = this.#options;
    for await (const [written, piece] of this.#complete(table, step))
      for (const { kind, guarded } of planGuarded(written, key, piece, ours, { mayExist: true })) {
        const [result] = await execute([guarded.passing()]);
        if (result === undefined) continue;
        const left = guarded.left(result).map((row) => single(kind, row));
        await settleRows(written, key, left, this.#context);
      }
  }

  /** Each row by itself, and its values of unique keys with it. */
  async settleStep(
    table: TargetTable,
    key: readonly KeyColumn[],
    step: Step,
    writtenAt: WrittenAt,
  ): Promise<void> {
    for await (const [written, piece] of this.#complete(table, step)) {
      const settle = async (kind: SingleRow['kind'], row: RowWrite | RowDelete) =>
        await settleRow(written, key, single(kind, row), this.#context, writtenAt);
      for (const row of piece.deletes) await settle('delete', row);
      for (const row of piece.updates) await settle('update', row);
      for (const row of piece.inserts) await settle('insert', row);
    }
  }

  /** The step in pieces of which every row is whole, each with the table as far as they are to be written. */
  async *#complete(table: TargetTable, step: Step): AsyncGenerator<[TargetTable, Step]> {
    const { asks, onAsked, fetchRows } = this.#options;
    const asksForAll = asks();
    const isAsked = (write: RowWrite) => asksForAll || isIncomplete(write);
    if (asksForAll) await onAsked(table.relation);
    const updates = step.updates.filter((write) => !isAsked(write));
    const inserts = step.inserts.filter((write) => !isAsked(write));
    const deletes = asksForAll
      ? await withoutPresent(table, step.deletes, fetchRows)
      : step.deletes;
    yield [table, { ...step, deletes, updates, inserts }];
    const empty = { deletes: [], expectedDeletes: 0, rekeys: [], updates: [], inserts: [] };
    for (const kind of ['updates', 'inserts'] as const) {
      const writes = step[kind].filter(isAsked);
      for await (const { whole, gone } of completeRows(table, writes, fetchRows)) {
        yield [table, { ...empty, deletes: gone }];
        for (const [written, rows] of byColumns(table, whole))
          yield [written, { ...empty, [kind]: rows }];
      }
    }
  }
}

/** A statement is for rows that have a value for each of its columns. */
function byColumns(table: TargetTable, writes: readonly RowWrite[]): [TargetTable, RowWrite[]][] {
  const groups = new Map<string, [TargetTable, RowWrite[]]>();
  for (const write of writes) {
    const columns = write.row.unsent.join();
    const group = groups.get(columns);
    if (group === undefined) groups.set(columns, [withoutUnsent(table, write.row), [write]]);
    else group[1].push(write);
  }
  return [...groups.values()];
}

function single(kind: SingleRow['kind'], row: RowWrite | RowDelete): SingleRow {
  if (!('row' in row)) return { ...row, kind: 'delete' };
  return { ...row, kind: kind === 'insert' ? kind : 'update' };
}
