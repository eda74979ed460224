// A batch on its target, with every change looked at by itself: what the careful path does.
import type { Version } from '../../../src/model/version.ts';
import type { Taken } from '../../../src/target/conflict/claims.ts';
import type { Present } from '../../../src/target/conflict/resolve.ts';
import {
  type Change,
  type Database,
  locksOf,
  nameOf,
  type Sent,
  type Transaction,
  type Values,
  Waits,
} from './database.ts';
import { fold, type RowChange } from './fold.ts';
import type { Rules } from './rules.ts';

export interface Batch {
  readonly source: Database;
  readonly target: Database;
  readonly transactions: readonly Transaction[];
  /** The newest commit time: the only one that the server keeps. */
  readonly stamp: bigint;
  readonly xid: number;
  readonly rules: Rules;
  /** What became of each change, for people. */
  readonly told: string[];
}

export function applyCarefully(batch: Batch): void {
  for (const transaction of batch.transactions) {
    const version = { time: transaction.time, rank: batch.source.rank };
    for (const change of fold(transaction.changes)) applyOne(batch, change, version);
  }
}

export function applyOne(batch: Batch, change: Change, version: Version): void {
  if (change.kind === 'truncate') return truncate(batch, version);
  const { target, rules } = batch;
  const filled = fill(batch, change);
  const kind = filled === undefined ? 'delete' : 'write';
  const { key } = change;
  const present = presentOf(batch, change);
  const decided = rules.resolve({ kind, version }, present);
  const unique = uniqueOf(change, filled, decided.action, rules);
  const taken = takenOf(target, unique, rules);
  const { resolution, evicted, claims } = rules.settle({ key, version }, decided, taken);
  batch.told.push(`${change.kind} ${key} ${resolution.action}`);
  for (const loser of evicted) evict(batch, loser.key, loser.version);
  claim(target, { key, version }, unique, claims);
  carryOut(batch, key, resolution.action, filled, version);
  if (resolution.bury !== undefined) target.bury(key, resolution.bury);
}

function carryOut(
  batch: Batch,
  key: string,
  action: 'write' | 'delete' | 'keep',
  values: Values | undefined,
  version: Version,
): void {
  if (action === 'delete') batch.target.remove(key);
  if (action === 'write' && values !== undefined) write(batch, key, values, version);
}

export function write(batch: Batch, key: string, values: Values, version: Version): void {
  const { target, source, xid, stamp, transactions, rules } = batch;
  target.lock(...locksOf(key, values));
  target.witness(locksOf(key, values), version);
  target.state.rows.set(key, { values, xid, stamp, source, exact: version.time });
  if (transactions.length === 1 || rules.without === 'manifest') return;
  let manifest = target.state.manifests.get(xid);
  if (manifest === undefined) {
    manifest = { stamp, times: new Map() };
    target.state.manifests.set(xid, manifest);
  }
  manifest.times.set(key, version.time);
}

function presentOf({ target, xid, rules }: Batch, { kind, key }: RowChange): Present {
  const row = target.state.rows.get(key);
  if (row !== undefined) target.lock(key);
  const blind =
    rules.without === 'tombstone' || (rules.without === 'tombstone on insert' && kind === 'insert');
  return {
    row:
      row?.xid === xid && row.source !== undefined
        ? 'own batch'
        : row && target.versionOf(key, row),
    tombstone: blind ? undefined : target.tombstoneOf(key),
  };
}

/** The row with what was not sent, as the source has it now; undefined when it is gone there. */
export function fill({ source, target, rules }: Batch, change: RowChange): Values | undefined {
  if (change.kind === 'delete') return undefined;
  const { key, row } = change;
  if (row.a !== undefined) return { ...row, a: row.a };
  if (rules.without === 'fetched columns')
    return { ...row, a: target.state.rows.get(key)?.values.a ?? 'null' };
  const there = source.state.rows.get(key);
  if (there !== undefined) return { ...there.values, unique: row.unique };
  return rules.without === 'gone at the source' ? { ...row, a: 'null' } : undefined;
}

/** What a transaction did must be seen at its source before what it did not send is looked up there. */
export function awaitsSource({ transactions, rules }: Batch): boolean {
  return (
    rules.without !== 'fetch once visible' &&
    transactions.some(
      ({ visible, changes }) =>
        !visible && changes.some((change) => 'row' in change && change.row.a === undefined),
    )
  );
}

const none: Values['unique'] = [];

function uniqueOf(
  change: RowChange,
  filled: Values | undefined,
  action: string,
  { without }: Rules,
): Values['unique'] {
  if (change.kind === 'delete') return none;
  if (without === 'claims of what is gone' && filled === undefined) return none;
  if (without === 'claims of what lost' && action === 'keep') return none;
  return change.row.unique;
}

export function takenOf(target: Database, unique: Values['unique'], { without }: Rules): Taken[] {
  return unique.flatMap((value, index) => {
    if (value === null) return [];
    const claim = target.state.claims.get(nameOf(index, value));
    const holder = target.holderOf(index, value);
    return [{ holder, claim: without === 'claims' ? undefined : claim }];
  });
}

export function claim(
  target: Database,
  made: { key: string; version: Version },
  unique: Sent['unique'],
  claims: readonly boolean[],
): void {
  let i = 0;
  unique.forEach((value, index) => {
    if (value === null) return;
    if (claims[i] === true) target.remember(index, value, made);
    i += 1;
  });
}

export function evict({ target, rules, told }: Batch, key: string, version: Version): void {
  told.push(`${key} evicted`);
  target.remove(key);
  if (rules.without !== 'tombstone of the evicted row') target.bury(key, version);
}

/** Each row goes that a delete of it would take, and the table has a tombstone for all of its keys. */
function truncate({ target, xid, rules, told }: Batch, version: Version): void {
  if (target.inFlight.length > 0) throw new Waits();
  told.push('truncate');
  if (rules.without === 'versions of a truncate') return target.state.rows.clear();
  for (const [key, row] of target.state.rows) {
    const present = row.xid === xid && row.source ? 'own batch' : target.versionOf(key, row);
    const { action } = rules.resolve(
      { kind: 'delete', version },
      { row: present, tombstone: undefined },
    );
    if (action === 'delete') target.remove(key);
  }
  buryAll(target, version);
}

export function buryAll({ state }: Database, version: Version): void {
  const { truncated } = state;
  if (truncated === undefined || truncated.time < version.time) state.truncated = version;
  else if (truncated.time === version.time && truncated.rank < version.rank)
    state.truncated = version;
}
