// A database as a target of its own stream: late, never waited for, and only what others can see.
import { type Batch, buryAll, claim, evict, takenOf } from './apply.ts';
import type { Change, Database } from './database.ts';
import { fold } from './fold.ts';
import type { Rules } from './rules.ts';

export function readOwn(database: Database, count: number, rules: Rules, told: string[]): void {
  const from = database.progressOf(database);
  const transactions = database.stream.slice(from, from + count);
  const hidden = transactions.findIndex(({ visible }) => !visible);
  if (hidden >= 0 && rules.without !== 'own stream once visible') transactions.length = hidden;
  if (transactions.length === 0) return;
  const batch: Batch = {
    source: database,
    target: database,
    transactions,
    stamp: 0n,
    xid: -1,
    rules,
    told,
  };
  database.transaction(() => {
    for (const transaction of transactions) {
      told.push(transaction.name);
      for (const change of fold(transaction.changes)) readOne(batch, change, transaction.time);
    }
    database.advance(database, transactions);
    return 'commit';
  });
}

function readOne(batch: Batch, change: Change, time: bigint): void {
  const { target, rules } = batch;
  const version = { time, rank: target.rank };
  if (change.kind === 'truncate') return truncateOwn(batch, time);
  const kind = change.kind === 'delete' ? 'delete' : 'write';
  if (rules.without === (kind === 'delete' ? 'own deletes' : 'own writes')) return;
  const { key } = change;
  const row = target.state.rows.get(key);
  const present = {
    row: row && target.versionOf(key, row),
    tombstone: target.tombstoneOf(key),
  };
  let { action, bury } = rules.resolveOwn({ kind, version }, present);
  if (change.kind !== 'delete') {
    const { unique } = change.row;
    const taken = takenOf(target, unique, rules);
    const settled = rules.settleOwn({ key, version }, { action, bury }, taken);
    for (const loser of settled.evicted) evict(batch, loser.key, loser.version);
    claim(target, { key, version }, unique, settled.claims);
    ({ action, bury } = settled.resolution);
  }
  if (action === 'delete') {
    batch.told.push(`${key} removed`);
    target.remove(key);
  }
  if (bury !== undefined) target.bury(key, bury);
}

function truncateOwn({ target, rules, told }: Batch, time: bigint): void {
  if (rules.without === 'versions of a truncate') return;
  const version = { time, rank: target.rank };
  for (const [key, row] of target.state.rows) {
    const present = { row: target.versionOf(key, row), tombstone: undefined };
    const { action } = rules.resolveOwn({ kind: 'delete', version }, present);
    if (action === 'delete') target.remove(key);
  }
  buryAll(target, version);
  told.push('truncate');
}
