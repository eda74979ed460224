// The same changes in smaller sets, down to one by one, in the order in which they were made, with the outcome of
// each known before the next: for transactions in which rows were missing or unique values changed hands.
import type { RowChange, UpdateChange } from '../../model/change.ts';
import { ReplicatorError } from '../../model/errors.ts';
import type { Relation } from '../../model/relation.ts';
import type { TransactionPart } from '../../model/transaction.ts';
import { Tuple, unchanged, type Value } from '../../model/tuple.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import type { Contest } from '../conflict/contest.ts';
import type { WrittenAt } from '../conflict/look-at-values.ts';
import { coalesce, keyOfTuple, keyOfUpdate, newRowOf } from './coalesce.ts';
import { divide, isWorthDividing } from './divide.ts';
import { type FetchRows, withoutUnsent } from './fetch-rows.ts';
import { foldWholeRows, isWholeRow, wholeRowOf } from './fold-whole-rows.ts';
import { foldBatch, truncateTables } from './plan-batch.ts';
import { deleteRows, insertRows, updateRows, upsertRows } from './row-statements.ts';
import type { RowWrite } from './step.ts';
import type { KeyColumn, TargetTable } from './target-table.ts';
import { deleteWholeRows, updateWholeRows } from './whole-row-statements.ts';

export interface CarefulContext {
  readonly tableOf: (relation: Relation) => TargetTable;
  readonly execute: (statement: Statement) => Promise<GroupResult>;
  /** As sets. False, and nothing of them is written, when rows are missing or in the way. */
  readonly attempt: (part: TransactionPart) => Promise<boolean>;
  /** All of the changes together, as sets, have just been refused. */
  readonly refused: boolean;
  readonly fetchRows: FetchRows;
  readonly onConflict: (kind: 'insert_exists' | 'update_missing' | 'delete_missing') => void;
  /** For the tables that several databases write to. */
  readonly contest: Contest;
  /** Tables whose changes are written already. */
  readonly written: ReadonlySet<TargetTable>;
}

export async function applyCarefully(
  parts: readonly TransactionPart[],
  context: CarefulContext,
): Promise<void> {
  const writtenAt: WrittenAt = new Map();
  for (const part of parts) await applyPart(part, context, writtenAt);
}

async function applyPart(
  part: TransactionPart,
  context: CarefulContext,
  writtenAt: WrittenAt,
): Promise<void> {
  let [plain, contested]: [RowChange[], RowChange[]] = [[], []];
  const write = async () => {
    await applyInOrder({ ...part, changes: plain }, context, context.refused);
    await settleContested({ ...part, changes: contested }, context, writtenAt);
    [plain, contested] = [[], []];
  };
  for (const change of part.changes) {
    if (change.kind === 'truncate') {
      await write();
      for (const statement of truncateTables(change, context.tableOf))
        await context.execute(statement);
      continue;
    }
    const table = context.tableOf(change.relation);
    if (context.written.has(table)) continue;
    (table.contested && table.key !== undefined ? contested : plain).push(change);
  }
  await write();
}

/**
 * Sets again, but smaller ones where they are refused, so that a round trip for each change is for those around the
 * trouble. `refused`: all of them together are, by what is known.
 */
async function applyInOrder(
  part: TransactionPart,
  context: CarefulContext,
  refused: boolean,
): Promise<void> {
  if (!isWorthDividing(part.changes.length)) {
    for (const change of part.changes)
      if (change.kind !== 'truncate') await applyOne(change, part.transaction.commitTime, context);
    return;
  }
  if (!refused && (await context.attempt(part))) return;
  for (const changes of divide(part.changes)) {
    const piece = { ...part, changes };
    if (!(await context.attempt(piece))) await applyInOrder(piece, context, true);
  }
}

/**
 * A row of a transaction once, deletes first, so that a value of a unique key which it only passed
 * through takes nothing from anybody.
 */
async function settleContested(
  part: TransactionPart,
  { tableOf, contest }: CarefulContext,
  writtenAt: WrittenAt,
): Promise<void> {
  for (const fold of foldBatch([part], tableOf, { inFull: true }))
    if (fold.kind === 'step' && fold.table.key !== undefined)
      await contest.settleStep(fold.table, fold.table.key, fold.step, writtenAt);
}

async function applyOne(change: RowChange, time: bigint, context: CarefulContext): Promise<void> {
  const table = context.tableOf(change.relation);
  const { key } = table;
  if (isWholeRow(table)) return await applyWholeRow(change, table, context);
  // Without a key only inserts get past this.
  if (key === undefined) coalesce(table, { changes: [change], times: [time] }, { inFull: true });
  if (change.kind === 'insert') return await insert(table, change.new, context);
  if (key === undefined) return;
  const positions = key.map(({ index }) => index);
  if (change.kind === 'delete') {
    const gone = { key: keyOfTuple(positions, change.old), time };
    const { rowCount } = await context.execute(deleteRows(table, key, [gone]));
    if (rowCount === 0) context.onConflict('delete_missing');
    return;
  }
  await update(change, time, table, key, context);
}

async function insert(table: TargetTable, row: Tuple, context: CarefulContext): Promise<void> {
  const { key } = table;
  if (key === undefined) {
    await context.execute(insertRows(table, [{ row }]));
    return;
  }
  const { rows } = await context.execute(upsertRows(table, key, [{ row }]));
  if (rows[0]?.[0] !== '0') context.onConflict('insert_exists');
}

async function applyWholeRow(
  change: RowChange,
  table: TargetTable,
  context: CarefulContext,
): Promise<void> {
  const { deletes, updates, inserts } = foldWholeRows(table, [change]);
  for (const old of deletes) {
    const { rowCount } = await context.execute(deleteWholeRows(table, [old]));
    if (rowCount === 0) context.onConflict('delete_missing');
  }
  for (const write of updates) {
    const { rowCount } = await context.execute(
      updateWholeRows(table, [write], { expectAll: false }),
    );
    if (rowCount > 0) continue;
    context.onConflict('update_missing');
    await context.execute(insertRows(table, [write]));
  }
  for (const row of inserts) await context.execute(insertRows(table, [{ row }]));
}

async function update(
  change: UpdateChange,
  time: bigint,
  table: TargetTable,
  key: readonly KeyColumn[],
  context: CarefulContext,
): Promise<void> {
  const positions = key.map(({ index }) => index);
  const oldKey = keyOfUpdate(positions, change);
  const newRow = newRowOf(positions, change);
  const newKey = keyOfTuple(positions, newRow);
  const rekey = oldKey.some((value, i) => value !== newKey[i]);
  const write = { key: oldKey, row: newRow, time };
  const statement = updateRows(table, key, [write], { rekey, expectAll: false });
  if (statement === undefined) return;
  const { rowCount } = await context.execute(statement);
  if (rowCount === 1) return;
  if (rowCount > 1)
    throw new ReplicatorError('INTERNAL', `${table.label}: one key matched ${rowCount} rows`);
  await refuseNewIdentity(table, key, write, context);
  context.onConflict('update_missing');
  const whole = table.relation.replicaIdentity === 'full' ? wholeRowOf(change) : newRow;
  const row = await complete(whole, table, newKey, context.fetchRows);
  // Gone at the source as well: its delete is on the way.
  if (row !== undefined)
    await context.execute(upsertRows(withoutUnsent(table, row), key, [{ row }]));
}

/** The row may be there, but with another value where SQL lets nobody write one. */
async function refuseNewIdentity(
  table: TargetTable,
  key: readonly KeyColumn[],
  write: RowWrite,
  context: CarefulContext,
): Promise<void> {
  const column = table.columns.find(({ identityAlways }) => identityAlways);
  if (column === undefined) return;
  const options = { rekey: true, expectAll: false, anyIdentity: true };
  const statement = updateRows(table, key, [write], options);
  if (statement === undefined || (await context.execute(statement)).rowCount === 0) return;
  throw new ReplicatorError(
    'SCHEMA_DRIFT',
    `${table.label}: the source changed an identity that is GENERATED ALWAYS on the target`,
    { hint: `alter table ${table.label} alter column ${column.quoted} set generated by default` },
  );
}

/** The row with what was not sent filled in from the source, never with null. */
async function complete(
  row: Tuple,
  table: TargetTable,
  key: readonly Value[],
  fetchRows: FetchRows,
): Promise<Tuple | undefined> {
  if (!row.partial) return row;
  const [present] = await fetchRows(table, [
    key.map((value) => (value === unchanged ? null : value)),
  ]);
  return present && row.filledFrom(Tuple.of(present));
}
