// One row by itself: lock it, look at what is there with its exact version, decide by the rule, and
// carry that out. For what the sets left, and for whole batches in which unique values change hands.
import type { Statement } from '../../postgres/statement-group.ts';
import { deleteRows, updateRows } from '../apply/row-statements.ts';
import type { SingleRow } from '../apply/step.ts';
import type { KeyColumn, TargetTable } from '../apply/target-table.ts';
import { settle } from './claims.ts';
import { bury } from './guarded-statements.ts';
import { insertAbsent } from './insert-absent.ts';
import { ask, type Execute, type FoundRow, type RowChanged, rowUnderKey } from './look-at-row.ts';
import {
  type Clash,
  clashesOf,
  evictAndClaim,
  holdersOfValues,
  type WrittenAt,
} from './look-at-values.ts';
import { afterwards, type Present, type Resolution, resolve } from './resolve.ts';

/** What was decided, and between what. */
export interface Settled extends RowChanged, FoundRow {
  readonly resolution: Resolution;
}

export interface SettleContext {
  readonly rank: number;
  readonly execute: Execute;
  /** Before it is carried out; what it throws keeps it from being so. */
  readonly onDecided: (settled: Settled) => Promise<void>;
  readonly onClash: (clash: Clash) => void;
}

/**
 * `writtenAt`: what the transaction that applies has written row by row. Without it values of unique
 * keys are not looked at: they were claimed before, and clash with nobody's.
 */
export async function settleRow(
  table: TargetTable,
  key: readonly KeyColumn[],
  incoming: SingleRow,
  context: SettleContext,
  writtenAt?: WrittenAt,
): Promise<void> {
  const { rank, execute } = context;
  const change = { table, key, incoming, version: { time: incoming.time, rank } };
  for (let attempt = 1; ; attempt += 1) {
    const [found, values] = await ask(
      execute,
      rowUnderKey(table, key, incoming),
      holdersOfValues(change, writtenAt),
    );
    const judged = judge(change, found);
    const claim = values && { key: values.keyHash, version: change.version };
    const settlement = claim && settle(claim, judged.resolution, values.taken);
    const { resolution } = settlement ?? judged;
    const tell = async () => {
      for (const each of judged.decided) await context.onDecided(each);
      if (values === undefined || settlement === undefined) return;
      for (const clash of clashesOf(change, values, settlement, judged.resolution))
        context.onClash(clash);
    };
    const statements = [
      ...(values && settlement ? evictAndClaim(change, values, settlement) : []),
      ...carryOut(change, resolution, found.present, attempt),
    ];
    // Nobody can lock what is missing: if somebody inserts it first, there is a row to look at.
    if (resolution.action === 'write' && found.present.row === undefined) {
      const results = await execute(statements);
      if (results.at(-1)?.rowCount === 0) continue;
      await tell();
    } else {
      await tell();
      await execute(statements);
    }
    if (values !== undefined && resolution.action === 'write')
      writtenAt?.set(`${table.oid} ${values.keyHash}`, incoming.time);
    return;
  }
}

/**
 * The changes of the row in turn, each as if it had come alone. What they come to is the last one's
 * resolution: by then the row is the source's own, if one of them won.
 */
function judge(
  change: RowChanged,
  { present: found, presentRow }: FoundRow,
): { decided: Settled[]; resolution: Resolution } {
  const decided: Settled[] = [];
  let present = found;
  let resolution: Resolution = { action: 'keep', bury: undefined };
  for (const incoming of [...(change.incoming.earlier ?? []), change.incoming]) {
    const version = { ...change.version, time: incoming.time };
    const kind = incoming.kind === 'delete' || incoming.gone ? 'delete' : 'write';
    resolution = resolve({ kind, version }, present);
    decided.push({ ...change, incoming, version, present, presentRow, resolution });
    present = afterwards(present, resolution);
  }
  // An earlier one may have removed the row, so that the last one found none.
  const isGone = present.row === undefined && found.row !== undefined;
  return { decided, resolution: isGone ? { ...resolution, action: 'delete' } : resolution };
}

function carryOut(
  { table, key, incoming, version: { rank } }: RowChanged,
  { action, bury: tombstone }: Resolution,
  present: Present,
  attempt: number,
): Statement[] {
  const statements: Statement[] = [];
  if (tombstone !== undefined) statements.push(bury(table, key, incoming, rank));
  // Never one that was not found: a user may have inserted it since.
  if (action === 'delete' && present.row !== undefined)
    statements.push(deleteRows(table, key, [incoming]));
  if (action === 'write' && incoming.kind !== 'delete') {
    if (present.row === undefined) statements.push(insertAbsent(table, key, incoming, attempt));
    else {
      // With the key, because equal keys may be spelled otherwise here.
      const how = { rekey: true, expectAll: false } as const;
      const update = updateRows(table, key, [incoming], how);
      if (update !== undefined) statements.push(update);
    }
  }
  return statements;
}
