// One row by itself: lock it, look at what is there with its exact version, decide by the rule, and
// carry that out. For what the sets left, and for whole batches in which unique values change hands.
import { beforeAllTimes, parseCommitTime } from '../../model/commit-time.ts';
import type { Tuple } from '../../model/tuple.ts';
import type { Version } from '../../model/version.ts';
import { givenKeyHash, rowKeyHash } from '../../postgres/key-hash.ts';
import { ownXid } from '../../postgres/own-xid.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import type { RowDelete, SingleRow } from '../apply/coalesce.ts';
import { keyArrays, rowsOf, unnest } from '../apply/row-sql.ts';
import { deleteRows, updateRows } from '../apply/row-statements.ts';
import type { KeyColumn, TargetTable } from '../apply/target-table.ts';
import { buryGiven, Given, matchesKey } from './guarded-statements.ts';
import { insertAbsent } from './insert-absent.ts';
import { afterwards, type Present, type Resolution, resolve } from './resolve.ts';

/** What was decided, and between what. */
export interface Settled {
  readonly table: TargetTable;
  readonly key: readonly KeyColumn[];
  readonly incoming: SingleRow;
  readonly version: Version;
  readonly present: Present;
  /** The target's row, in the order of the relation's columns that the target has; else undefined. */
  readonly presentRow: Tuple | undefined;
  readonly resolution: Resolution;
}

export interface SettleContext {
  readonly rank: number;
  readonly execute: (statements: readonly Statement[]) => Promise<readonly GroupResult[]>;
  /** Before it is carried out; what it throws keeps it from being so. */
  readonly onDecided: (settled: Settled) => Promise<void>;
}

/** What the target has under the key. */
interface Found {
  readonly present: Present;
  readonly presentRow: Tuple | undefined;
}

export async function settleRow(
  table: TargetTable,
  key: readonly KeyColumn[],
  incoming: SingleRow,
  context: SettleContext,
): Promise<void> {
  while (true) {
    const found = await look(table, key, incoming, context);
    const { decided, resolution } = judge(table, key, incoming, found, context.rank);
    const statements = carryOut(table, key, incoming, resolution, found.present, context.rank);
    const tell = async () => {
      for (const each of decided) await context.onDecided(each);
    };
    // Nobody can lock what is missing: if somebody inserts it first, there is a row to look at.
    if (resolution.action === 'write' && found.present.row === undefined) {
      const results = await context.execute(statements);
      if (results.at(-1)?.rowCount === 0) continue;
      await tell();
    } else {
      await tell();
      await context.execute(statements);
    }
    return;
  }
}
/**
 * The changes of the row in turn, each as if it had come alone. What they come to is the last one's
 * resolution: by then the row is the source's own, if one of them won.
 */
function judge(
  table: TargetTable,
  key: readonly KeyColumn[],
  incoming: SingleRow,
  { present: found, presentRow }: Found,
  rank: number,
): { decided: Settled[]; resolution: Resolution } {
  const decided: Settled[] = [];
  let present = found;
  let resolution: Resolution = { action: 'keep', bury: undefined };
  for (const change of [...(incoming.earlier ?? []), incoming]) {
    const version: Version = { time: change.time, rank };
    const kind = change.kind === 'delete' ? 'delete' : 'write';
    resolution = resolve({ kind, version }, present);
    decided.push({ table, key, incoming: change, version, present, presentRow, resolution });
    present = afterwards(present, resolution);
  }
  return { decided, resolution };
}

function carryOut(
  table: TargetTable,
  key: readonly KeyColumn[],
  incoming: SingleRow,
  { action, bury: tombstone }: Resolution,
  present: Present,
  rank: number,
): Statement[] {
  const statements: Statement[] = [];
  if (tombstone !== undefined) statements.push(bury(table, key, incoming, rank));
  if (action === 'delete') statements.push(deleteRows(table, key, [incoming]));
  if (action === 'write' && incoming.kind !== 'delete') {
    if (present.row === undefined) statements.push(insertAbsent(table, key, incoming));
    else {
      // With the key, because equal keys may be spelled otherwise here.
      const how = { rekey: true, expectAll: false } as const;
      const update = updateRows(table, key, [incoming], how);
      if (update !== undefined) statements.push(update);
    }
  }
  return statements;
}

function bury(
  table: TargetTable,
  key: readonly KeyColumn[],
  row: RowDelete,
  rank: number,
): Statement {
  const given = new Given(key, [row]);
  const text = buryGiven(table, key, given.parameter(String(rank), 'integer'));
  return { text: `with ${given.cte} ${text}`, values: given.values };
}

/** Each statement's snapshot is taken after the wait of the one before it. */
async function look(
  table: TargetTable,
  key: readonly KeyColumn[],
  row: SingleRow,
  context: SettleContext,
): Promise<Found> {
  const given = unnest(key.map((_, i) => `k${i}`));
  const values = keyArrays(key, [row]);
  const from = `${rowsOf(table)} as t join ${given} on ${matchesKey(key)}`;
  const columns = table.columns.map(({ quoted }) => `, t.${quoted}`).join('');
  const version = `replicator.version_of(t.xmin, ${table.oid}, ${rowKeyHash(key)})`;
  const [, found, buried] = await context.execute([
    { text: `select from ${from} for update of t`, values },
    {
      text:
        `select t.xmin = ${ownXid}::text::xid, v.commit_time, v.rank${columns} ` +
        `from ${from}, lateral ${version} as v`,
      values,
    },
    {
      text:
        `select commit_time, rank from replicator.tombstones, ${given} ` +
        `where relation = ${table.oid} and key_hash = ${givenKeyHash(key)}`,
      values,
    },
  ]);
  const [mine, time, rank, ...presentRow] = found?.rows[0] ?? [];
  const tombstone = versionOf(buried?.rows[0]);
  if (mine === undefined) return { present: { row: undefined, tombstone }, presentRow: undefined };
  const present = mine === 't' ? 'own batch' : versionOf([time ?? null, rank ?? null]);
  return { present: { row: present, tombstone }, presentRow };
}

function versionOf(row: readonly (string | null)[] | undefined): Version | undefined {
  if (row === undefined) return undefined;
  const [time, rank] = row;
  return { time: time == null ? beforeAllTimes : parseCommitTime(time), rank: Number(rank) };
}
