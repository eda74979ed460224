// A row of a database's own stream by itself, for its values of unique keys: what they take from other
// rows, and whether another row has taken one of them.

import { deleteRows } from '../apply/row-statements.ts';
import type { RowDelete, RowWrite, Step } from '../apply/step.ts';
import type { KeyColumn, TargetTable } from '../apply/target-table.ts';
import { settleOwn } from './claims.ts';
import { bury } from './guarded-statements.ts';
import { ask, both, type Execute, rowUnderKey } from './look-at-row.ts';
import { type Clash, clashesOf, evictAndClaim, holdersOfValues } from './look-at-values.ts';
import { type OwnSelf, planOwn } from './own-stream.ts';
import { resolveOwn } from './resolve.ts';

export interface SettleOwnContext {
  readonly self: OwnSelf;
  readonly execute: Execute;
  readonly onClash: (clash: Clash) => void;
}

export async function settleOwnStep(
  table: TargetTable,
  key: readonly KeyColumn[],
  step: Step,
  context: SettleOwnContext,
): Promise<void> {
  const one = async (part: Partial<Step>) => {
    const nothing: Step = { deletes: [], expectedDeletes: 0, rekeys: [], updates: [], inserts: [] };
    await context.execute(planOwn(table, key, { ...nothing, ...part }, context.self));
  };
  if (step.deletes.length > 0) await one({ deletes: step.deletes });
  for (const [kind, writes] of [
    ['update', step.updates],
    ['insert', step.inserts],
  ] as const)
    for (const write of writes) {
      await settleValues(table, key, { ...write, kind }, context);
      await one({ inserts: [write] });
    }
}

async function settleValues(
  table: TargetTable,
  key: readonly KeyColumn[],
  incoming: RowWrite & { kind: 'insert' | 'update' },
  { self: { rank }, execute, onClash }: SettleOwnContext,
): Promise<void> {
  const change = { table, key, incoming, version: { time: incoming.time, rank } };
  const { version } = change;
  const [{ present }, values] = await ask(
    execute,
    both(rowUnderKey(table, key, incoming), holdersOfValues(change, new Map())),
  );
  if (values === undefined) return;
  const judged = resolveOwn({ kind: 'write', version }, present);
  const settlement = settleOwn({ key: values.keyHash, version }, judged, values.taken);
  for (const clash of clashesOf(change, values, settlement, judged)) onClash(clash);
  const gone: RowDelete = { key: incoming.key, time: incoming.time };
  const beaten = settlement.resolution.action === 'delete' && judged.action !== 'delete';
  await execute([
    ...evictAndClaim(change, values, settlement),
    ...(beaten ? [bury(table, key, [gone], rank), deleteRows(table, key, [gone])] : []),
  ]);
}
