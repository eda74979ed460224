// The rule of resolve.ts as predicates inside of set-based statements, where they are evaluated again
// after a wait for a lock. They compare a row's stamp, which may be later than its exact version, with
// the earliest change of it that came, so what they let pass is right, and what they do not is looked
// at row by row.
import { formatCommitTime } from '../../model/commit-time.ts';
import { givenKeyHash } from '../../postgres/key-hash.ts';
import { isOfCopy, rowStamp } from '../../postgres/row-stamp.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import { nameOf } from '../apply/coalesce.ts';
import { insertFrom, rowsOf } from '../apply/row-sql.ts';
import { earliestTime, type RowDelete, type RowWrite } from '../apply/step.ts';
import type { KeyColumn, TargetColumn, TargetTable } from '../apply/target-table.ts';
import { Given, matchesKey } from './given-rows.ts';
import { keepManifest } from './manifest.ts';

/** Who writes. */
export interface Guard {
  readonly rank: number;
  /** Of the origin that tags us here; undefined on 13, where the server does not keep it. */
  readonly originId: string | undefined;
}

export interface GuardedStatement<T = RowWrite | RowDelete> {
  /** Raises unless every row passed. It writes its manifest, which has to be there before the others. */
  readonly whole: () => Statement;
  /** The same for those that pass; its result tells which. Either this or `whole` is asked for. */
  readonly passing: () => Statement;
  readonly rows: readonly T[];
  /** The rows that `passing` left, from its result. */
  readonly left: (result: GroupResult) => T[];
}

/** What decides how the whole of a step is written. */
export interface WholeOptions {
  /** The stamp of the transaction, where it hides when its rows were written at their source. */
  readonly hiding?: bigint | undefined;
  /** Rows that are inserted may exist; else the server raises unique_violation for them. */
  readonly mayExist: boolean;
}

export function guardedUpdate(
  table: TargetTable,
  key: readonly KeyColumn[],
  writes: readonly RowWrite[],
  guard: Guard,
  { hiding }: WholeOptions,
): GuardedStatement<RowWrite> {
  const set = writable(table);
  const { given, columnName } = Given.ofWrites(table, key, set, writes);
  const assignments = set.map(
    (column) => `${column.quoted} = u.${columnName(column)}::${column.castType}`,
  );
  const firstTime = given.firstTime(writes);
  const passes = older(table, guard, given, firstTime);
  const where = `where ${matchesKey(key)} and ${passes}`;
  // Of a table that is nothing but its identity no row can be changed: it is left, and made anew.
  const update = (found: string) =>
    set.length > 0
      ? `update ${rowsOf(table)} as t set ${assignments.join(', ')} from given u ${where} returning ${found}`
      : `select ${found} from ${rowsOf(table)} as t, given u ${where} and false`;
  return {
    whole: () =>
      whole(table, key, `with ${given.cte}, touched as (${update('1')})`, given, guard, hiding),
    passing: () => ({
      text: `with ${given.numbered}, touched as (${update('u.n')}) select n from touched`,
      values: given.values,
    }),
    rows: writes,
    left: (result) => withoutOrdinals(writes, result),
  };
}

export function guardedInsert(
  table: TargetTable,
  key: readonly KeyColumn[],
  writes: readonly RowWrite[],
  guard: Guard,
  { hiding, mayExist }: WholeOptions,
): GuardedStatement<RowWrite> {
  const { given, columnName } = Given.ofWrites(table, key, table.columns, writes);
  const firstTime = given.firstTime(writes);
  const rank = given.parameter(String(guard.rank), 'integer');
  const buried = `select from replicator.tombstones b where b.relation = ${table.oid}`;
  const insert =
    `${insertFrom(table, 'given u', columnName)} ` +
    // Most tables have no tombstones, which is found out once.
    `where (select not exists (${buried})) or not exists (${buried} ` +
    `and b.key_hash = ${givenKeyHash(key)} and (b.commit_time, b.rank) > (${firstTime}, ${rank}))`;
  const head = (insertion: string) => `with ${given.cte}, touched as (${insertion})`;
  const plain = () => head(`${insert} returning 1`);
  const onConflict = () =>
    head(
      `${insert} ${overwriteOlder(table, key, writes, guard, given)} ` +
        `returning ${key.map(({ quoted }, i) => `t.${quoted} as k${i}`).join(', ')}`,
    );
  return {
    whole: () => whole(table, key, mayExist ? onConflict() : plain(), given, guard, hiding),
    passing: () => ({ text: `${onConflict()} select * from touched`, values: given.values }),
    rows: writes,
    // One whose key is spelled otherwise here is taken for left, and found to be written already.
    left: (result) => {
      const touched = new Set(result.rows.map(nameOf));
      return writes.filter((write) => !touched.has(nameOf(write.key)));
    },
  };
}

function overwriteOlder(
  table: TargetTable,
  key: readonly KeyColumn[],
  writes: readonly RowWrite[],
  guard: Guard,
  given: Given,
): string {
  const arbiter = `on conflict (${key.map(({ quoted }) => quoted).join(', ')})`;
  const set = writable(table).map(({ quoted }) => `${quoted} = excluded.${quoted}`);
  if (set.length === 0) return `${arbiter} do nothing`;
  // What a row here is compared with cannot be the row's own time, so it is the oldest of all.
  const times = writes.map(earliestTime);
  const oldest = times.reduce((least, time) => (time < least ? time : least), times[0] ?? 0n);
  const time = given.parameter(formatCommitTime(oldest), 'timestamptz');
  return `${arbiter} do update set ${set.join(', ')} where ${older(table, guard, given, time)}`;
}

/** With the key, because equal keys may be spelled otherwise here: 1.0 and 1.00. An identity is of the key. */
function writable(table: TargetTable): TargetColumn[] {
  return table.columns.filter(({ identityAlways }) => !identityAlways);
}

/** Every key leaves a tombstone, also one whose row stays or is missing; those left by the settling. */
export function guardedDelete(
  table: TargetTable,
  key: readonly KeyColumn[],
  deletes: readonly RowDelete[],
  guard: Guard,
): GuardedStatement<RowDelete> {
  const given = new Given(table, key, deletes);
  const passes = older(table, guard, given, given.firstTime(deletes));
  const rank = given.parameter(String(guard.rank), 'integer');
  const remove =
    `delete from ${rowsOf(table)} as t using given u where ${matchesKey(key)} and ${passes} ` +
    'returning u.n';
  const head = `with ${given.numbered}, touched as (${remove})`;
  // A row that is missing needs no look; in most batches nobody has to find out.
  const missing =
    `(select count(*) from given u where not exists ` +
    `(select from ${rowsOf(table)} as t where ${matchesKey(key)}))`;
  return {
    whole: () => ({
      text:
        `${head}, buried as (${buryGiven(table, key, rank)}) ` +
        `select replicator.expect_rows(count(*) + case when count(*) < ${givenCount} ` +
        `then ${missing} else 0 end, ${givenCount}) from touched`,
      values: given.values,
    }),
    // Of those that are left a tombstone would be found that is none of anybody else.
    passing: () => ({
      text: `${head}, buried as (${buryGiven(table, key, rank, 'given u join touched using (n)')}) select n from touched`,
      values: given.values,
    }),
    rows: deletes,
    left: (result) => withoutOrdinals(deletes, result),
  };
}

/** Writes the tombstones of the given keys where there is no greater one. */
export function buryGiven(
  table: TargetTable,
  key: readonly KeyColumn[],
  rank: string,
  from = 'given u',
): string {
  return (
    'insert into replicator.tombstones as b (relation, key_hash, commit_time, rank) ' +
    `select ${table.oid}, ${givenKeyHash(key)}, max(u.commit_time), ${rank} from ${from} group by 2 ` +
    'on conflict (relation, key_hash) do update set commit_time = excluded.commit_time, ' +
    'rank = excluded.rank where (excluded.commit_time, excluded.rank) > (b.commit_time, b.rank)'
  );
}

export function bury(
  table: TargetTable,
  key: readonly KeyColumn[],
  rows: readonly RowDelete[],
  rank: number,
): Statement {
  const given = new Given(table, key, rows);
  const text = buryGiven(table, key, given.parameter(String(rank), 'integer'));
  return { text: `with ${given.cte} ${text}`, values: given.values };
}

/**
 * Written by the same source, or longer ago than the window. A row that this transaction has written
 * has no commit time yet: it is the same source's. One without any is older than everything. One that a copy brought
 * is of whoever had written it on the copied database, whose changes of before can come once more.
 */
function older(
  { oid, contested }: TargetTable,
  { originId, rank }: Guard,
  given: Given,
  time: string,
): string {
  const window = given.parameter(`${contested?.windowMs ?? 0} ms`, 'interval');
  const isOlder = `coalesce(${rowStamp(oid)} < ${time} - ${window}, true)`;
  const isOfSource =
    originId === undefined
      ? `replicator.rank_of(t.xmin) = ${given.parameter(String(rank), 'integer')}`
      : `(pg_catalog.pg_xact_commit_timestamp_origin(t.xmin)).roident = ${given.parameter(originId, 'oid')}`;
  return `(${isOlder} or (${isOfSource} and not ${isOfCopy}))`;
}

/** SQL of how many rows are given: the first array is of their keys. */
const givenCount = 'cardinality($1::text[])::bigint';

const expectAll = `select replicator.expect_rows(count(*), ${givenCount}) from touched`;

/** The head, and what raises unless all of them passed; where times are hidden, with their manifest. */
function whole(
  table: TargetTable,
  key: readonly KeyColumn[],
  head: string,
  { values }: Given,
  { rank }: Guard,
  hiding: bigint | undefined,
): Statement {
  if (hiding === undefined) return { text: `${head} ${expectAll}`, values: [...values] };
  const n = values.length;
  const kept = keepManifest(table, key, {
    times: `$${key.length + 1}::timestamptz[]`,
    rank: `$${n + 1}::integer`,
    stamp: `$${n + 2}::timestamptz`,
  });
  return {
    text: `${head}, kept as (${kept}) ${expectAll}`,
    values: [...values, String(rank), formatCommitTime(hiding)],
  };
}

function withoutOrdinals<T>(rows: readonly T[], { rows: touched }: GroupResult): T[] {
  const passed = new Set(touched.map(([ordinal]) => Number(ordinal)));
  return rows.filter((_, i) => !passed.has(i + 1));
}
