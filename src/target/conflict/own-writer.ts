// Writes what a database's own stream brings: nothing but what its changes met without knowing.
import type { TransactionPart } from '../../model/transaction.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import { type Fold, foldBatch, type PlannedStatement } from '../apply/plan-batch.ts';
import type { TargetTables } from '../apply/target-tables.ts';
import type { Writer } from '../apply/writer.ts';
import { type OwnSelf, planOwn } from './own-stream.ts';

export interface OwnWriterOptions {
  readonly tables: TargetTables;
  readonly self: OwnSelf;
  readonly execute: (statements: readonly Statement[]) => Promise<readonly GroupResult[]>;
}

export class OwnWriter implements Writer {
  readonly #options: OwnWriterOptions;

  constructor(options: OwnWriterOptions) {
    this.#options = options;
  }

  fold(parts: readonly TransactionPart[]): Fold[] {
    return foldBatch(parts, (relation) => this.#options.tables.of(relation));
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

  async writeStepwise(folds: readonly Fold[]): Promise<void> {
    const plan = this.plan(folds);
    if (plan.length > 0) await this.#options.execute(plan.map(({ statement }) => statement));
  }

  async writeCarefully(parts: readonly TransactionPart[]): Promise<void> {
    await this.writeStepwise(this.fold(parts));
  }

  /** None: what these statements find is settled by them. */
  count(): void {}
}
