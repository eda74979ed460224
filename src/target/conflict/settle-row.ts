// One row by itself: lock it, look at what is there with its exact version, decide by the rule, and
// carry that out. For what the sets left, and for whole batches in which unique values change hands.
import { beforeAllTimes, parseCommitTime } from '../../model/commit-time.ts';
import type { Tuple } from '../../model/tuple.ts';
import type { Version } from '../../model/version.ts';
import { givenKeyHash, rowKeyHash } from '../../postgres/key-hash.ts';
import { ownXid } from '../../postgres/own-xid.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import type { RowDelete, RowWrite } from '../apply/coalesce.ts';
import { keyArrays, rowsOf, unnest } from '../apply/row-sql.ts';
import { deleteRows, updateRows } from '../apply/row-statements.ts';
import type { KeyColumn, TargetTable } from '../apply/target-table.ts';
import { buryGiven, Given, matchesKey } from './guarded-statements.ts';
import { insertAbsent } from './insert-absent.ts';
import { type Present, type Resolution, resolve } from './resolve.ts';

export type SingleRow =
  | (RowWrite & { readonly kind: 'insert' | 'update' })
  | (RowDelete & { readonly kind: 'delete' });

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

export async function settleRow(
  table: TargetTable,
  key: readonly KeyColumn[],
  incoming: SingleRow,
  context: SettleContext,
): Promise<void> {
  const version: Version = { time: incoming.time, rank: context.rank };
  const kind = incoming.kind === 'delete' ? 'delete' : 'write';
  while (true) {
    const { present, presentRow } = await look(table, key, incoming, context);
    const resolution = resolve({ kind, version }, present);
    const settled = { table, key, incoming, version, present, presentRow, resolution };
    const statements = carryOut(settled, context.rank);
    // Nobody can lock what is missing: if somebody inserts it first, there is a row to look at.
    if (resolution.action === 'write' && present.row === undefined) {
      const results = await context.execute(statements);
      if (results.at(-1)?.rowCount === 0) continue;
      await context.onDecided(settled);
    } else {
      await context.onDecided(settled);
      await context.execute(statements);
    }
    return;
  }
}

function carryOut(
  { table, key, incoming, present, resolution }: Settled,
  rank: number,
): Statement[] {
  const statements: Statement[] = [];
  if (resolution.bury !== undefined) statements.push(bury(table, key, incoming, rank));
  if (resolution.action === 'delete') statements.push(deleteRows(table, key, [incoming]));
  if (resolution.action === 'write' && incoming.kind !== 'delete') {
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
): Promise<{ present: Present; presentRow: Tuple | undefined }> {
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
