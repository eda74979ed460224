// Writes what a database's own stream brings: nothing but what its changes met without knowing.
import type { Relation } from '../../model/relation.ts';
import type { TransactionPart } from '../../model/transaction.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import { type Fold, foldBatch, type PlannedStatement } from '../apply/plan-batch.ts';
import type { TargetTable } from '../apply/target-table.ts';
import type { Writer } from '../apply/writer.ts';
import { claimValues } from './claim-values.ts';
import { planOwn } from './own-stream.ts';
import { type SettleOwnContext, settleOwnStep } from './settle-own-row.ts';

export interface OwnWriterOptions extends SettleOwnContext {
  readonly tableOf: (relation: Relation) => TargetTable;
}

export class OwnWriter implements Writer {
  readonly #options: OwnWriterOptions;

  constructor(options: OwnWriterOptions) {
    this.#options = options;
  }

  plan(folds: readonly Fold[]): PlannedStatement[] {
    return folds.flatMap((fold) => {
      if (fold.kind !== 'step' || fold.table.key === undefined) return [];
      return planOwn(fold.table, fold.table.key, fold.step, this.#options.self).map(
        (statement): PlannedStatement => ({ statement, expects: { kind: 'nothing' } }),
      );
    });
  }

  accompany(): Statement[] {
    return [];
  }

  claims(folds: readonly Fold[]): Statement[] {
    return claimValues(folds, this.#options.self.rank);
  }

  async writeStepwise(folds: readonly Fold[]): Promise<void> {
    const plan = this.plan(folds);
    if (plan.length > 0) await this.#options.execute(plan.map(({ statement }) => statement));
  }

  /** Where values of unique keys clash: transaction by transaction, and such tables row by row. */
  async writeCarefully(parts: readonly TransactionPart[]): Promise<void> {
    const { tableOf } = this.#options;
    for (const part of parts)
      for (const fold of foldBatch([part], tableOf)) {
        if (fold.kind !== 'step' || fold.table.key === undefined) continue;
        const { table, step } = fold;
        if (table.uniques.length === 0) await this.writeStepwise([fold]);
        else await settleOwnStep(table, fold.table.key, step, this.#options);
      }
  }

  /** None: what these statements find is settled by them. */
  count(): void {}
}
