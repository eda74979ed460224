// A batch as one transaction: all of it in one go where nothing is to be looked at in between; else step
// by step, settling what the sets leave; else, where it is small, change by change.
import type { Batch } from '../../model/batch.ts';
import type { ReplicatorError } from '../../model/errors.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import type { ApplyConnection, CommitAnswer } from './apply-connection.ts';
import { isOfClaims, isUniqueViolation, needsCare } from './needs-care.ts';
import type { Fold, PlannedStatement } from './plan-batch.ts';
import type { PreparedBatch } from './prepare-batch.ts';
import type { TargetTable } from './target-table.ts';
import { isContested } from './target-tables.ts';
import type { Writer } from './writer.ts';

export interface ApplyBatchOptions {
  readonly connection: ApplyConnection;
  readonly writer: Writer;
  /** Begins the transaction; see TransactionFrame. */
  readonly head: readonly Statement[];
  /** The answer to all of it, if it was sent while the batch before was on its way. */
  readonly sent: Promise<CommitAnswer> | undefined;
  /** Smaller batches are tried rather than to go with care. */
  readonly divides: boolean;
  /** Called while the answer is on its way. */
  readonly meanwhile: () => void;
}

/** How it went, and is committed on the target; or that it has not, and must go in smaller batches. */
export type Outcome = 'at once' | 'in steps' | 'with care' | 'to be divided';

export async function applyBatch(
  prepared: PreparedBatch,
  { connection, writer, head: begin, sent, divides, meanwhile }: ApplyBatchOptions,
): Promise<Outcome> {
  const { batch, plan, claims, tables } = prepared;
  const end = { connection, batch };
  let stepsMayHelp = true;
  if (plan !== undefined) {
    const reply = sent ?? connection.sendAtOnce(atOnce(prepared, plan, connection, begin));
    meanwhile();
    const before = begin.length + claims.length;
    const refusal = await refusalOf(reply, plan, end, writer, before);
    if (refusal === undefined) return 'at once';
    stepsMayHelp = isSettledInSteps(refusal, tables);
  }
  const folds = writer.foldInFull(batch.transactions);
  const head = [...begin, ...connection.named(writer.accompany(folds, batch.commitTime))];
  const asSets = [...head, ...connection.named(claims)];
  if (stepsMayHelp && (await gradually(asSets, end, () => writer.writeStepwise(folds))))
    return 'in steps';
  if (batch.transactions.length > 1 && divides) return 'to be divided';
  await carefully(head, end, folds, () => writer.writeCarefully(batch.transactions, folds));
  return 'with care';
}

/** All statements of its transaction but COMMIT. */
export function atOnce(
  { claims }: PreparedBatch,
  plan: readonly PlannedStatement[],
  connection: ApplyConnection,
  head: readonly Statement[],
): Statement[] {
  const statements = plan.map(({ statement }) => statement);
  return [...head, ...connection.named([...claims, ...statements])];
}

interface End {
  readonly connection: ApplyConnection;
  readonly batch: Batch;
}

/** Why rows need a look, and all is rolled back; or undefined. `before`: so many results are not of the plan. */
async function refusalOf(
  reply: Promise<CommitAnswer>,
  plan: readonly PlannedStatement[],
  { connection, batch }: End,
  writer: Writer,
  before: number,
): Promise<ReplicatorError | undefined> {
  connection.ledger.clear();
  try {
    const answer = await reply;
    connection.committed(answer, batch.endLsn);
    writer.count(plan, answer.results.slice(before));
  } catch (error) {
    if (!needsCare(error)) throw error;
    writer.refused();
    await connection.rollback();
    return error;
  }
  // They changed no row.
  await connection.countConflicts();
  return undefined;
}

/** Not rows that are missing where one database writes, nor values of other rows: steps would raise the same again. */
function isSettledInSteps(refusal: ReplicatorError, tables: ReadonlySet<TargetTable>): boolean {
  return isUniqueViolation(refusal) ? !isOfClaims(refusal) : isContested(tables);
}

async function gradually(
  head: readonly Statement[],
  { connection, batch }: End,
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
  await connection.commit([], batch.endLsn);
  return true;
}

async function carefully(
  head: readonly Statement[],
  { connection, batch }: End,
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
    return await connection.commit([], batch.endLsn);
  }
}
