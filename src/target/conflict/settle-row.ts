// One row by itself: lock it, look at what is there with its exact version, decide by the rule, and
// carry that out. For batches in which unique values change hands, and for what the sets left and is missing.
import { ReplicatorError } from '../../model/errors.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import { deleteRows, insertRows, updateRows } from '../apply/row-statements.ts';
import type { SingleRow } from '../apply/step.ts';
import type { KeyColumn, TargetTable } from '../apply/target-table.ts';
import { settle } from './claims.ts';
import { bury } from './guarded-statements.ts';
import { insertAbsent } from './insert-absent.ts';
import {
  ask,
  both,
  type Execute,
  type FoundRow,
  type RowChanged,
  rowUnderKey,
} from './look-at-row.ts';
import {
  type Clash,
  clashesOf,
  evictAndClaim,
  holdersOfValues,
  type WrittenAt,
} from './look-at-values.ts';
import { afterwards, type Resolution, resolve } from './resolve.ts';

/** What was decided, and between what. */
export interface Settled extends RowChanged, FoundRow {
  readonly resolution: Resolution;
}

export interface SettleContext {
  readonly rank: number;
  readonly execute: Execute;
  /** Before any of it is carried out; what it throws keeps it from being so. */
  readonly onDecided: (settled: readonly Settled[]) => Promise<void>;
  readonly onClash: (clash: Clash) => void;
}

/** Of a row that others insert and delete again in between. */
const mostAttempts = 100;

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
      both(rowUnderKey(table, key, incoming), holdersOfValues(change, writtenAt)),
    );
    const judged = judge(change, found);
    const claim = values && { key: values.keyHash, version: change.version };
    const settlement = claim && settle(claim, judged.resolution, values.taken);
    const { resolution } = settlement ?? judged;
    const tell = async () => {
      await context.onDecided(judged.decided);
      if (values === undefined || settlement === undefined) return;
      for (const clash of clashesOf(change, values, settlement, judged.resolution))
        context.onClash(clash);
    };
    const row = { incoming, resolution, ...found };
    const evictions = values && settlement ? evictAndClaim(change, values, settlement) : [];
    if (isMissing(row) && incoming.kind !== 'delete') {
      const insert = insertAbsent(table, key, incoming, attempt);
      const results = await execute([...evictions, insert]);
      if (results.at(-1)?.rowCount === 0) {
        if (attempt < mostAttempts) continue;
        throw new ReplicatorError(
          'SCHEMA_DRIFT',
          `${table.label}: a row can neither be found nor inserted`,
          { hint: 'does a trigger or a rule of the table keep it out?' },
        );
      }
      await tell();
    } else {
      await tell();
      await execute([...evictions, ...carryOut(table, key, [row], rank)]);
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
export function judge(
  { table, key, incoming: last, version: { rank } }: RowChanged,
  { present: found, presentRow }: FoundRow,
): { decided: Settled[]; resolution: Resolution } {
  const decided: Settled[] = [];
  let present = found;
  let resolution: Resolution = { action: 'keep', bury: undefined };
  for (const incoming of [...(last.earlier ?? []), last]) {
    const version = { time: incoming.time, rank };
    const kind = incoming.kind === 'delete' || incoming.gone ? 'delete' : 'write';
    resolution = resolve({ kind, version }, present);
    decided.push({ table, key, incoming, version, present, presentRow, resolution });
    present = afterwards(present, resolution);
  }
  // An earlier one may have removed the row, so that the last one found none.
  const isGone = present.row === undefined && found.row !== undefined;
  return { decided, resolution: isGone ? { ...resolution, action: 'delete' } : resolution };
}

interface Judged extends FoundRow {
  readonly incoming: SingleRow;
  readonly resolution: Resolution;
}

/** To be written, and not there. Nobody can lock it: if somebody inserts it first, there is a row to look at. */
export function isMissing({ present, resolution }: Judged): boolean {
  return present.row === undefined && resolution.action === 'write';
}

/** Of all rows but those that are missing. */
export function carryOut(
  table: TargetTable,
  key: readonly KeyColumn[],
  rows: readonly Judged[],
  rank: number,
): Statement[] {
  const statements: Statement[] = [];
  const incomingOf = (some: readonly Judged[]) => some.map(({ incoming }) => incoming);
  const buried = rows.filter(({ resolution }) => resolution.bury !== undefined);
  if (buried.length > 0) statements.push(bury(table, key, incomingOf(buried), rank));
  const there = rows.filter(({ present }) => present.row !== undefined);
  // Never one that was not found: a user may have inserted it since.
  const deletes = there.filter(({ resolution }) => resolution.action === 'delete');
  if (deletes.length > 0) statements.push(deleteRows(table, key, incomingOf(deletes)));
  const wins = there.filter(({ resolution }) => resolution.action === 'write');
  const writes = incomingOf(wins).filter(isWrite);
  if (writes.length > 0 && table.columns.every(({ identityAlways }) => identityAlways))
    // Nobody can update it, but its version must be the one that won.
    return [...statements, deleteRows(table, key, writes), insertRows(table, writes)];
  // With the key, because equal keys may be spelled otherwise here.
  const how = { rekey: true, expectAll: false } as const;
  const update = updateRows(table, key, writes, how);
  if (update !== undefined) statements.push(update);
  return statements;
}

function isWrite(row: SingleRow): row is SingleRow & { kind: 'insert' | 'update' } {
  return row.kind !== 'delete';
}
