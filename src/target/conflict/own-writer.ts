// Writes what a database's own stream brings: nothing but what its changes met without knowing.
import type { TransactionPart } from '../../model/transaction.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import type { Fold, PlannedStatement } from '../apply/plan-batch.ts';
import type { Writer } from '../apply/writer.ts';
import { type OwnSelf, planOwn } from './own-stream.ts';

export interface OwnWriterOptions {
  readonly self: OwnSelf;
  readonly execute: (statements: readonly Statement[]) => Promise<readonly GroupResult[]>;
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

  async writeStepwise(folds: readonly Fold[]): Promise<void> {
    const plan = this.plan(folds);
    if (plan.length > 0) await this.#options.execute(plan.map(({ statement }) => statement));
  }

  /** Its statements are exact, so there is nothing to be more careful about. */
  async writeCarefully(_: readonly TransactionPart[], folds: readonly Fold[]): Promise<void> {
    await this.writeStepwise(folds);
  }

  /** None: what these statements find is settled by them. */
  count(): void {}
}
