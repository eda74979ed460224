// A batch to statements. Tables are independent of each other (foreign keys do not fire for us),
// so each table's changes are gathered over the whole batch; a TRUNCATE separates before and after.
import type { Change, RowChange, TruncateChange } from '../../model/change.ts';
import type { Relation } from '../../model/relation.ts';
import { unchanged } from '../../model/tuple.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import type { ChangeCounts } from '../progress/progress.ts';
import { coalesce, type RowWrite, type Step } from './coalesce.ts';
import { foldWholeRows, isWholeRow } from './fold-whole-rows.ts';
import { deleteRows, insertRows, rowsOf, updateRows } from './row-statements.ts';
import { slices } from './slices.ts';
import type { KeyColumn, TargetTable } from './target-table.ts';
import { planWholeRows } from './whole-row-statements.ts';

/** A statement and how its result shows a conflict. */
export interface PlannedStatement {
  readonly statement: Statement;
  readonly expects:
    | { readonly kind: 'insert' }
    | { readonly kind: 'delete'; readonly rows: number }
    | { readonly kind: 'nothing' };
}

export function planBatch(
  changes: readonly Change[],
  tableOf: (relation: Relation) => TargetTable,
): PlannedStatement[] {
  const plan: PlannedStatement[] = [];
  let byRelation = new Map<Relation, RowChange[]>();
  const flush = () => {
    for (const [relation, rows] of byRelation) {
      const table = tableOf(relation);
      if (isWholeRow(table)) planWholeRows(table, foldWholeRows(table, rows), plan);
      else for (const step of coalesce(table, rows)) planStep(table, step, plan);
    }
    byRelation = new Map();
  };
  let seen = new Map<number, Relation>();
  for (const change of changes) {
    if (change.kind === 'truncate') {
      flush();
      plan.push(planTruncate(change, tableOf));
      continue;
    }
    const { relation } = change;
    // The table's definition changed in between: what came before must be written before.
    if ((seen.get(relation.oid) ?? relation) !== relation) {
      flush();
      seen = new Map();
    }
    seen.set(relation.oid, relation);
    const rows = byRelation.get(relation);
    if (rows === undefined) byRelation.set(relation, [change]);
    else rows.push(change);
  }
  flush();
  return plan;
}

function planStep(table: TargetTable, step: Step, plan: PlannedStatement[]): void {
  const { key } = table;
  if (key !== undefined) {
    let expected = step.expectedDeletes;
    for (const keys of slices(step.deletes, (values) => values)) {
      const rows = Math.min(expected, keys.length);
      expected -= rows;
      plan.push({ statement: deleteRows(table, key, keys), expects: { kind: 'delete', rows } });
    }
    planUpdates(table, key, step.rekeys, true, plan);
    planUpdates(table, key, step.updates, false, plan);
  }
  for (const rows of slices(step.inserts, (row) => row)) {
    const expects =
      key === undefined ? ({ kind: 'nothing' } as const) : ({ kind: 'insert' } as const);
    plan.push({ statement: insertRows(table, rows), expects });
  }
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
    const signature = write.row.includes(unchanged)
      ? write.row.map((value) => (value === unchanged ? 'u' : '-')).join('')
      : '';
    const same = byColumns.get(signature);
    if (same === undefined) byColumns.set(signature, [write]);
    else same.push(write);
  }
  for (const group of byColumns.values())
    for (const slice of slices(group, ({ row }) => row)) {
      const statement = updateRows(table, key, slice, { rekey, expectAll: true });
      if (statement !== undefined) plan.push({ statement, expects: { kind: 'nothing' } });
    }
}

/** TRUNCATE of exactly the tables that the source named: CASCADE was resolved there. */
export function planTruncate(
  change: TruncateChange,
  tableOf: (relation: Relation) => TargetTable,
): PlannedStatement {
  const tables = change.relations.map((relation) => rowsOf(tableOf(relation)));
  const identity = change.restartIdentity ? ' restart identity' : '';
  return {
    statement: { text: `truncate ${tables.join(', ')}${identity}` },
    expects: { kind: 'nothing' },
  };
}

export function countChanges(changes: readonly Change[]): ChangeCounts {
  const counts = { inserts: 0, updates: 0, deletes: 0, truncates: 0 };
  for (const { kind } of changes) counts[`${kind}s`] += 1;
  return counts;
}
