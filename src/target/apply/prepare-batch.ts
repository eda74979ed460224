// All of a batch that does not depend on what the target has: folding its changes and writing them into
// arrays is most of our own work, and can be done while the batch before is on its way.
import type { Batch } from '../../model/batch.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import type { PlannedStatement } from './plan-batch.ts';
import type { LoadedTables } from './target-tables.ts';
import type { Writer } from './writer.ts';

export interface PreparedBatch extends LoadedTables {
  readonly batch: Batch;
  /** See Writer. */
  readonly claims: readonly Statement[];
  readonly plan: readonly PlannedStatement[] | undefined;
}

export function prepareBatch(batch: Batch, loaded: LoadedTables, writer: Writer): PreparedBatch {
  const folds = writer.fold(batch.transactions);
  return {
    ...loaded,
    batch,
    claims: writer.claims(folds),
    plan: writer.plan(folds, batch, loaded.tables),
  };
}

export function isSameBatch(a: Batch, b: Batch): boolean {
  return (
    a.transactions.length === b.transactions.length &&
    a.transactions.every((part, i) => part === b.transactions[i])
  );
}
