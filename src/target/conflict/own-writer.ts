// Writes what a database's own stream brings: nothing but what its changes met without knowing. That is
// rare, so most of them are not looked at one by one: where no delete from elsewhere is newer than the
// oldest of a batch, its writes have met none.

import type { Batch } from '../../model/batch.ts';
import type { Change, RowChange } from '../../model/change.ts';
import { formatCommitTime } from '../../model/commit-time.ts';
import type { Relation } from '../../model/relation.ts';
import type { TransactionPart } from '../../model/transaction.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import { expectAllDescribed } from '../apply/as-described.ts';
import { type Fold, foldBatch, type PlannedStatement } from '../apply/plan-batch.ts';
import { arrayOf } from '../apply/row-sql.ts';
import type { TargetTable } from '../apply/target-table.ts';
import type { Writer } from '../apply/writer.ts';
import { claimValues } from './claim-values.ts';
import { planOwn } from './own-stream.ts';
import { type SettleOwnContext, settleOwnStep } from './settle-own-row.ts';

export interface OwnWriterOptions extends SettleOwnContext {
  readonly tableOf: (relation: Relation) => TargetTable;
  /** Undefined for one that is gone, and needs no memory. */
  readonly findTable: (relation: Relation) => TargetTable | undefined;
}

/** After a newer delete there are likely to be more of them for a while. */
const batchesInFull = 100;

export class OwnWriter implements Writer {
  readonly #options: OwnWriterOptions;
  #inFull = 0;

  constructor(options: OwnWriterOptions) {
    this.#options = options;
  }

  fold(parts: readonly TransactionPart[]): Fold[] {
    if (this.#inFull > 0) return this.foldInFull(parts);
    return this.#fold(parts, (change) => this.#isShared(change) && this.#tells(change));
  }

  foldInFull(parts: readonly TransactionPart[]): Fold[] {
    return this.#fold(parts, (change) => this.#isShared(change));
  }

  #fold(parts: readonly TransactionPart[], isTelling: (change: RowChange) => boolean): Fold[] {
    const isWanted = (change: Change) => change.kind !== 'truncate' && isTelling(change);
    const telling = parts.filter(({ changes }) => changes.some(isWanted));
    return foldBatch(
      telling.map((part) => ({ ...part, changes: part.changes.filter(isWanted) })),
      this.#options.tableOf,
      { inFull: true },
    );
  }

  /** Others write to its table, and its rows can be told apart. */
  #isShared({ relation }: RowChange): boolean {
    const table = this.#options.findTable(relation);
    return table?.contested !== undefined && table.key !== undefined;
  }

  plan(
    folds: readonly Fold[],
    { transactions }: Batch,
    tables: ReadonlySet<TargetTable>,
  ): PlannedStatement[] {
    // Which changes tell something goes by the unique keys that there are.
    const contested = [...tables].filter((table) => table.contested !== undefined);
    const statements = [expectAllDescribed(contested), ...this.#plan(folds)];
    if (this.#inFull > 0) this.#inFull -= 1;
    else statements.push(expectNoNewerDelete(transactions, tables));
    return statements.map((statement) => ({ statement, expects: { kind: 'nothing' } }));
  }

  planPart(): undefined {}

  refused(): void {
    this.#inFull = batchesInFull;
  }

  accompany(): Statement[] {
    return [];
  }

  claims(folds: readonly Fold[]): Statement[] {
    return claimValues(folds, this.#options.self.rank);
  }

  async writeStepwise(folds: readonly Fold[]): Promise<void> {
    const plan = this.#plan(folds);
    if (plan.length > 0) await this.#options.execute(plan);
  }

  /** Where values of unique keys clash: transaction by transaction, and such tables row by row. */
  async writeCarefully(parts: readonly TransactionPart[]): Promise<void> {
    for (const part of parts)
      for (const fold of this.foldInFull([part])) {
        if (fold.kind !== 'step' || fold.table.key === undefined) continue;
        const { table, step } = fold;
        if (table.uniques.length > 0)
          await settleOwnStep(table, fold.table.key, step, this.#options);
        else await this.#options.execute(this.#plan([fold]));
      }
  }

  /** None: what these statements find is settled by them. */
  count(): void {}

  /** A delete or a changed key buries, and a unique value is claimed, whatever there is. */
  #tells(change: RowChange): boolean {
    if (change.kind === 'delete' || (change.kind === 'update' && change.old !== undefined))
      return true;
    return this.#options.tableOf(change.relation).uniques.length > 0;
  }

  #plan(folds: readonly Fold[]): Statement[] {
    return folds.flatMap((fold) => {
      if (fold.kind !== 'step' || fold.table.key === undefined) return [];
      return planOwn(fold.table, fold.table.key, fold.step, this.#options.self);
    });
  }
}

/** Raises ROWS_MISSING when one of the writes may have been beaten. */
function expectNoNewerDelete(
  parts: readonly TransactionPart[],
  tables: ReadonlySet<TargetTable>,
): Statement {
  let oldest = parts[0]?.transaction.commitTime ?? 0n;
  for (const { transaction } of parts)
    if (transaction.commitTime < oldest) oldest = transaction.commitTime;
  return {
    name: 'expect_no_newer_delete',
    text:
      'select replicator.expect_rows((select count(*) from (select from replicator.tombstones ' +
      'where commit_time >= $1 and relation = any ($2::text[]::oid[]) limit 1) b), 0)',
    values: [formatCommitTime(oldest), arrayOf([...tables].map(({ oid }) => oid))],
  };
}
