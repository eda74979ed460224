// The statements of a table that several databases write to: guarded ones for its rows, and, where these
// are not the ones that write them, the manifest by itself.
import { formatCommitTime } from '../../model/commit-time.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import type { Fold } from '../apply/plan-batch.ts';
import { keyArrays } from '../apply/row-sql.ts';
import { sizeOfKey, sizeOfRow, slices } from '../apply/slices.ts';
import type { RowWrite, Step } from '../apply/step.ts';
import type { KeyColumn, TargetTable } from '../apply/target-table.ts';
import { encodeTimeArray } from '../apply/time-array.ts';
import {
  type Guard,
  type GuardedStatement,
  guardedDelete,
  guardedInsert,
  guardedUpdate,
  type WholeOptions,
} from './guarded-statements.ts';
import { keepManifest } from './manifest.ts';

export interface GuardedPlan {
  readonly kind: 'insert' | 'update' | 'delete';
  readonly guarded: GuardedStatement;
}

export function planGuarded(
  table: TargetTable,
  key: readonly KeyColumn[],
  step: Step,
  guard: Guard,
  options: WholeOptions,
): GuardedPlan[] {
  const plan: GuardedPlan[] = [];
  for (const rows of slices(step.deletes, sizeOfKey))
    plan.push({ kind: 'delete', guarded: guardedDelete(table, key, rows, guard) });
  for (const rows of slices(step.updates, sizeOfRow))
    plan.push({ kind: 'update', guarded: guardedUpdate(table, key, rows, guard, options) });
  for (const rows of slices(step.inserts, sizeOfRow))
    plan.push({ kind: 'insert', guarded: guardedInsert(table, key, rows, guard, options) });
  return plan;
}

/**
 * What the stamp does not tell of the rows that are written: their own commit times. On 13, where the
 * server does not keep who wrote either, every transaction leaves one per table.
 */
export function planManifests(folds: readonly Fold[], guard: Guard, stamp: bigint): Statement[] {
  const contested = folds.flatMap((fold) =>
    fold.kind === 'step' && fold.table.contested && fold.table.key !== undefined
      ? [{ table: fold.table, key: fold.table.key, step: fold.step }]
      : [],
  );
  // By the oid: where its definition changed in between, it is two TargetTables.
  const stepsOf = new Map<string, number>();
  for (const { table } of contested) stepsOf.set(table.oid, (stepsOf.get(table.oid) ?? 0) + 1);
  return contested.flatMap(({ table, key, step }) => {
    // Of a row that several steps write the later entry counts, so there the last one needs its own too.
    const isOnly = stepsOf.get(table.oid) === 1;
    const hidden = [...step.updates, ...step.inserts].filter(
      ({ time }) => !isOnly || time !== stamp,
    );
    const isTold = hidden.length > 0 || guard.originId === undefined;
    return isTold ? [manifest(table, key, hidden, guard, stamp)] : [];
  });
}

function manifest(
  table: TargetTable,
  key: readonly KeyColumn[],
  rows: readonly RowWrite[],
  { rank }: Guard,
  stamp: bigint,
): Statement {
  const n = key.length;
  return {
    text: keepManifest(table, key, {
      times: `$${n + 1}::timestamptz[]`,
      rank: `$${n + 2}::integer`,
      stamp: `$${n + 3}::timestamptz`,
    }),
    values: [
      ...keyArrays(key, rows),
      encodeTimeArray(rows.map(({ time }) => time)),
      String(rank),
      formatCommitTime(stamp),
    ],
  };
}
