// A batch to statements. Tables are independent of each other (foreign keys do not fire for us),
// so each table's changes are gathered over the whole batch; a TRUNCATE separates before and after.
import type { TruncateChange } from '../../model/change.ts';
import type { Relation } from '../../model/relation.ts';
import type { TransactionPart } from '../../model/transaction.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import type { ChangeCounts } from '../progress/progress.ts';
import { expectDescribed } from './as-described.ts';
import { coalesce, type TableChanges } from './coalesce.ts';
import { foldWholeRows, isWholeRow, type WholeRowStep } from './fold-whole-rows.ts';
import { rowsOf } from './row-sql.ts';
import { deleteRows, insertRows, updateRows, upsertRows } from './row-statements.ts';
import { sizeOfKey, sizeOfRow, slices } from './slices.ts';
import type { RowWrite, Step } from './step.ts';
import type { KeyColumn, TargetTable } from './target-table.ts';

/** A statement and how its result shows a conflict. */
export interface PlannedStatement {
  readonly statement: Statement;
  readonly expects:
    | { readonly kind: 'insert' }
    | { readonly kind: 'delete'; readonly rows: number }
    | { readonly kind: 'nothing' };
}

/** What a batch comes to, to be written in this order. */
export type Fold =
  | { readonly kind: 'step'; readonly table: TargetTable; readonly step: Step }
  | { readonly kind: 'whole rows'; readonly table: TargetTable; readonly step: WholeRowStep }
  | { readonly kind: 'truncate'; readonly change: TruncateChange };

/**
 * Gathers each table's changes; a TRUNCATE, or a changed definition, separates before and after. `inFull`: see
 * coalesce().
 */
export function foldBatch(
  parts: readonly TransactionPart[],
  tableOf: (relation: Relation) => TargetTable,
  options: { readonly inFull: boolean },
): Fold[] {
  const folds: Fold[] = [];
  let byRelation = new Map<Relation, TableChanges>();
  let seen = new Map<number, Relation>();
  const flush = () => {
    for (const [relation, rows] of byRelation) {
      const table = tableOf(relation);
      if (isWholeRow(table))
        folds.push({ kind: 'whole rows', table, step: foldWholeRows(table, rows.changes) });
      else
        for (const step of coalesce(table, rows, options))
          folds.push({ kind: 'step', table, step });
    }
    byRelation = new Map();
    seen = new Map();
  };
  for (const { changes, transaction } of parts)
    for (const change of changes) {
      if (change.kind === 'truncate') {
        flush();
        folds.push({ kind: 'truncate', change });
        continue;
      }
      const { relation } = change;
      // The table's definition changed in between: what came before must be written before.
      if ((seen.get(relation.oid) ?? relation) !== relation) flush();
      seen.set(relation.oid, relation);
      const rows = byRelation.get(relation);
      if (rows === undefined)
        byRelation.set(relation, { changes: [change], times: [transaction.commitTime] });
      else {
        rows.changes.push(change);
        rows.times.push(transaction.commitTime);
      }
    }
  flush();
  return folds;
}

/**
 * The statements of a table that one database writes to. What is inserted was not there, by what its source
 * says: unless rows `mayExist` all the same, the server raises unique_violation for those that do.
 */
export function planStep(
  table: TargetTable,
  step: Step,
  { mayExist }: { mayExist: boolean },
): PlannedStatement[] {
  const plan: PlannedStatement[] = [];
  const { key } = table;
  if (key !== undefined) {
    let expected = step.expectedDeletes;
    for (const deletes of slices(step.deletes, sizeOfKey)) {
      const rows = Math.min(expected, deletes.length);
      expected -= rows;
      plan.push({ statement: deleteRows(table, key, deletes), expects: { kind: 'delete', rows } });
    }
    planUpdates(table, key, step.rekeys, true, plan);
    planUpdates(table, key, step.updates, false, plan);
  }
  for (const rows of slices(step.inserts, sizeOfRow))
    plan.push(
      key !== undefined && mayExist
        ? { statement: upsertRows(table, key, rows), expects: { kind: 'insert' } }
        : { statement: insertRows(table, rows), expects: { kind: 'nothing' } },
    );
  return plan;
}

function planUpdates(
  table: TargetTable,
  key: readonly KeyColumn[],
  writes: readonly RowWrite[],
  rekey: boolean,
  plan: PlannedStatement[],
): void {
  const byColumns = new Map<string, RowWrite[]>();
  for (const write of writes) {
    const signature = write.row.unsent.join();
    const same = byColumns.get(signature);
    if (same === undefined) byColumns.set(signature, [write]);
    else same.push(write);
  }
  for (const group of byColumns.values())
    for (const slice of slices(group, sizeOfRow)) {
      const statement = updateRows(table, key, slice, { rekey, expectAll: true });
      if (statement !== undefined) plan.push({ statement, expects: { kind: 'nothing' } });
    }
}

/** TRUNCATE of exactly the tables that the source named: CASCADE was resolved there. */
export function truncateTables(
  change: TruncateChange,
  tableOf: (relation: Relation) => TargetTable,
): Statement[] {
  const tables = change.relations.map(tableOf);
  const identity = change.restartIdentity ? ' restart identity' : '';
  const text = `truncate ${tables.map(rowsOf).join(', ')}${identity}`;
  return [{ text }, ...tables.map(expectDescribed)];
}

export function countChanges(parts: readonly TransactionPart[]): ChangeCounts {
  let [inserts, updates, deletes, truncates] = [0, 0, 0, 0];
  for (const { changes } of parts)
    for (const { kind } of changes) {
      if (kind === 'insert') inserts += 1;
      else if (kind === 'update') updates += 1;
      else if (kind === 'delete') deletes += 1;
      else truncates += 1;
    }
  return { inserts, updates, deletes, truncates };
}
