// A batch as one transaction: all of it in one go where nothing is to be looked at in between; else step
// by step, settling what the sets leave; else change by change.
import type { Batch } from '../../model/batch.ts';
import { ReplicatorError } from '../../model/errors.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import type { ApplyConnection } from './apply-connection.ts';
import type { Fold, PlannedStatement } from './plan-batch.ts';
import type { PreparedBatch } from './prepare-batch.ts';
import type { Writer } from './writer.ts';

export interface ApplyBatchOptions {
  readonly connection: ApplyConnection;
  readonly writer: Writer;
  /** Begins the transaction; see TransactionFrame. */
  readonly head: readonly Statement[];
  /** Called while the answer is on its way. */
  readonly meanwhile: () => void;
}

/** Once it resolves the batch is durable on the target. */
export async function applyBatch(
  { batch, folds, plan, shapes, claims }: PreparedBatch,
  { connection, writer, head: begin, meanwhile }: ApplyBatchOptions,
): Promise<void> {
  const end = { connection, batch, shapes };
  const claiming = connection.named(claims);
  if (plan !== undefined && (await atOnce([...begin, ...claiming], plan, end, writer, meanwhile)))
    return;
  const head = [...begin, ...connection.named(writer.accompany(folds, batch.commitTime))];
  if (
    await gradually([...head, ...claiming], end, () =>
      writer.writeStepwise(folds, batch.transactions),
    )
  )
    return;
  await carefully(head, end, folds, () => writer.writeCarefully(batch.transactions, folds));
}

interface End {
  readonly connection: ApplyConnection;
  readonly batch: Batch;
  readonly shapes: readonly Statement[];
}

/** The statements and their COMMIT in one go. False, and rolled back, when rows need a look. */
async function atOnce(
  head: readonly Statement[],
  plan: readonly PlannedStatement[],
  { connection, batch, shapes }: End,
  writer: Writer,
  meanwhile: () => void,
): Promise<boolean> {
  connection.ledger.clear();
  const statements = connection.named(plan.map(({ statement }) => statement));
  try {
    const reply = connection.commitAtOnce([...head, ...statements, ...shapes], batch.endLsn);
    meanwhile();
    const results = await reply;
    writer.count(plan, results.slice(head.length));
  } catch (error) {
    if (!needsCare(error)) throw error;
    writer.refused();
    await connection.rollback();
    return false;
  }
  // They changed no row.
  await connection.countConflicts();
  return true;
}

async function gradually(
  head: readonly Statement[],
  { connection, batch, shapes }: End,
  write: () => Promise<void>,
): Promise<boolean> {
  try {
    await connection.begin(head);
    await write();
  } catch (error) {
    if (!needsCare(error)) throw error;
    await connection.rollback();
    return false;
  }
  await connection.commit(shapes, batch.endLsn);
  return true;
}

async function carefully(
  head: readonly Statement[],
  { connection, batch, shapes }: End,
  folds: readonly Fold[],
  write: () => Promise<void>,
): Promise<void> {
  const contestsValues = folds.some(
    (fold) => fold.kind === 'step' && fold.table.uniques.length > 0,
  );
  for (let attempt = 1; ; attempt += 1) {
    try {
      await connection.begin(head);
      await write();
    } catch (error) {
      // A user may take a value in the very moment between the look at it and the write.
      if (!contestsValues || !isUniqueViolation(error) || attempt === 5) throw error;
      await connection.rollback();
      continue;
    }
    return await connection.commit(shapes, batch.endLsn);
  }
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
