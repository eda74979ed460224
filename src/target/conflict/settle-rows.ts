// Many rows at once of which no unique key is to be looked at but their own: what the sets left. Two round
// trips for all of them instead of two for each.
import type { SingleRow } from '../apply/step.ts';
import type { KeyColumn, TargetTable } from '../apply/target-table.ts';
import { ask, rowsUnderKeys } from './look-at-row.ts';
import { carryOut, isMissing, judge, type SettleContext, settleRow } from './settle-row.ts';

/** All of one kind, and no key twice. */
export async function settleRows(
  table: TargetTable,
  key: readonly KeyColumn[],
  rows: readonly SingleRow[],
  context: SettleContext,
): Promise<void> {
  const { rank, execute } = context;
  if (rows.length === 0) return;
  const founds = await ask(execute, rowsUnderKeys(table, key, rows));
  const judged = rows.flatMap((incoming, i) => {
    const found = founds[i];
    if (found === undefined) return [];
    const change = { table, key, incoming, version: { time: incoming.time, rank } };
    return [{ incoming, ...found, ...judge(change, found) }];
  });
  const settled = judged.filter((row) => !isMissing(row));
  await context.onDecided(settled.flatMap(({ decided }) => decided));
  const statements = carryOut(table, key, settled, rank);
  if (statements.length > 0) await execute(statements);
  for (const { incoming } of judged.filter(isMissing))
    await settleRow(table, key, incoming, context);
}
