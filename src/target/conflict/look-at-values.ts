// One change's values of unique keys: who has them, who had them with a greater version, and what
// follows for those rows.

import { formatCommitTime } from '../../model/commit-time.ts';
import type { Value } from '../../model/tuple.ts';
import { isOlder, type Version } from '../../model/version.ts';
import { givenKeyHash, rowKeyHash } from '../../postgres/key-hash.ts';
import { ownXid } from '../../postgres/own-xid.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import { arrayOf, keyArrays, keyNames, rowsOf, unnest } from '../apply/row-sql.ts';
import { deleteRows } from '../apply/row-statements.ts';
import type { KeyColumn, TargetTable, UniqueKey } from '../apply/target-table.ts';
import { matchesValues, remember, valuesHash, valuesTaken } from './claim-values.ts';
import type { Claim, Settlement, Taken } from './claims.ts';
import { bury } from './guarded-statements.ts';
import {
  isFoundLocked,
  type PresentRow,
  type Question,
  type RowChanged,
  versionOf,
} from './look-at-row.ts';
import type { Resolution } from './resolve.ts';

/** When the rows were committed that the transaction which applies has written, by table and key. */
export type WrittenAt = Map<string, bigint>;

export interface FoundValues {
  /** Of the changed row. */
  readonly keyHash: string;
  readonly taken: readonly FoundValue[];
}

interface FoundValue extends Taken {
  readonly holder: Holder | undefined;
  readonly hash: string;
}

interface Holder extends Claim {
  readonly keyValues: readonly Value[];
  readonly row: PresentRow;
}

/** A change that meets another row over a value. */
export interface Clash extends RowChanged {
  readonly rival: { readonly version: Version; readonly row: PresentRow | undefined };
  /** How many rows it meets. */
  readonly rivals: number;
  readonly resolution: 'apply_remote' | 'keep_local';
}

/** Of a change that takes no values the answer is undefined. */
export function holdersOfValues(
  change: RowChanged,
  writtenAt: WrittenAt | undefined,
): Question<FoundValues | undefined> {
  const { table, key, incoming } = change;
  const taken = table.uniques.flatMap((unique) => {
    const values = valuesTaken(unique, incoming);
    return values === undefined ? [] : [{ unique, values }];
  });
  if (writtenAt === undefined || taken.length === 0)
    return { statements: [], read: () => undefined, isLocked: () => true };
  const ownKey: Statement = {
    text: `select ${givenKeyHash(key)} from ${unnest(table, keyNames(key))}`,
    values: keyArrays(key, [incoming]),
  };
  const locks = taken.map(({ unique, values }) => lockHolder(table, unique, values));
  const looks = taken.flatMap(({ unique, values }) => [
    findHolder(table, key, unique, values),
    findClaim(table, unique, values),
  ]);
  return {
    statements: [...locks, ownKey, ...looks],
    read: (results) => {
      const [hash, ...found] = results.slice(locks.length);
      return {
        keyHash: hash?.rows[0]?.[0] ?? '',
        taken: taken.map((_, i) => foundValue(change, writtenAt, found[2 * i], found[2 * i + 1])),
      };
    },
    isLocked: (results) =>
      locks.every((_, i) => isFoundLocked(results[i], results[locks.length + 1 + 2 * i])),
  };
}

function foundValue(
  change: RowChanged,
  writtenAt: WrittenAt,
  holder: GroupResult | undefined,
  claim: GroupResult | undefined,
): FoundValue {
  const [hash, claimedBy, time, rank] = claim?.rows[0] ?? [];
  const version = claimedBy == null ? undefined : versionOf([time ?? null, rank ?? null]);
  return {
    hash: hash ?? '',
    holder: holderOf(change, holder, writtenAt),
    claim: version && { key: claimedBy ?? '', version },
  };
}

function lockHolder(table: TargetTable, unique: UniqueKey, values: readonly Value[]): Statement {
  const from = holding(table, unique);
  return { text: `select from ${from} for update of t`, values: single(values) };
}

function findHolder(
  table: TargetTable,
  key: readonly KeyColumn[],
  unique: UniqueKey,
  values: readonly Value[],
): Statement {
  const hash = rowKeyHash(key);
  const columns = [...key, ...table.columns].map(({ quoted }) => `, t.${quoted}`).join('');
  return {
    text:
      `select ${hash}, t.xmin = ${ownXid}::text::xid, v.commit_time, v.rank${columns} ` +
      `from ${holding(table, unique)}, ` +
      `lateral replicator.version_of(t.xmin, ${table.oid}, ${hash}) as v`,
    values: single(values),
  };
}

function findClaim(table: TargetTable, unique: UniqueKey, values: readonly Value[]): Statement {
  const hash = valuesHash(unique);
  return {
    text:
      `select ${hash}, c.key_hash, c.commit_time, c.rank from ${givenValues(table, unique)} ` +
      // Not joined to all of the table's claims: see tombstoneOf.
      'left join lateral (select r.key_hash, r.commit_time, r.rank from replicator.claims r ' +
      `where r.relation = ${table.oid} and r.value_hash = ${hash} offset 0) c on true`,
    values: single(values),
  };
}

function holding(table: TargetTable, unique: UniqueKey): string {
  return `${rowsOf(table)} as t join ${givenValues(table, unique)} on ${matchesValues(unique)}`;
}

function givenValues(table: TargetTable, { columns }: UniqueKey): string {
  const names = columns.map((_, i) => `v${i}`);
  return unnest(table, names);
}

function single(values: readonly Value[]): Buffer[] {
  return values.map((value) => arrayOf([value]));
}

/** A row that the transaction itself has written has no commit time yet. */
function holderOf(
  { table, key, version: { time: incomingTime, rank: ownRank } }: RowChanged,
  result: GroupResult | undefined,
  writtenAt: WrittenAt,
): Holder | undefined {
  const [hash, own, time, rank, ...values] = result?.rows[0] ?? [];
  if (hash == null) return undefined;
  const stored = versionOf([time ?? null, rank ?? null]);
  const version =
    own === 't' || stored === undefined
      ? { time: writtenAt.get(`${table.oid} ${hash}`) ?? incomingTime, rank: ownRank }
      : stored;
  return {
    key: hash,
    version,
    keyValues: values.slice(0, key.length),
    row: values.slice(key.length),
  };
}

export function evictAndClaim(
  { table, key, version }: RowChanged,
  { keyHash, taken }: FoundValues,
  { evicted, claims }: Settlement,
): Statement[] {
  const evictions = evicted.flatMap((loser) => {
    const keyValues = holderIn(taken, loser)?.keyValues ?? [];
    const gone = { key: keyValues, time: loser.version.time };
    return [bury(table, key, [gone], loser.version.rank), deleteRows(table, key, [gone])];
  });
  const remembered = taken.filter((_, i) => claims[i]);
  return [
    ...evictions,
    ...remembered.map((value) => rememberClaim(table, value, keyHash, version)),
  ];
}

function rememberClaim(
  { oid }: TargetTable,
  { hash }: FoundValue,
  keyHash: string,
  { time, rank }: Version,
): Statement {
  return {
    text:
      'insert into replicator.claims as c (relation, value_hash, key_hash, commit_time, rank) ' +
      `values ($1, $2, $3, $4, $5) ${remember}`,
    values: [oid, hash, keyHash, formatCommitTime(time), String(rank)],
  };
}

function holderIn(taken: readonly FoundValue[], { key }: Claim): Holder | undefined {
  return taken.map(({ holder }) => holder).find((holder) => holder?.key === key);
}

/** Every row that went for it, and the one, or the memory of one, that it went for itself. */
export function clashesOf(
  change: RowChanged,
  { keyHash, taken }: FoundValues,
  { resolution, evicted }: Settlement,
  judged: Resolution,
): Clash[] {
  const { version } = change;
  // Its own transaction moved the value; that is no conflict.
  const others = evicted.filter((loser) => loser.version.rank !== version.rank);
  const clashes = others.map((loser): Clash => {
    const rival = { version: loser.version, row: holderIn(taken, loser)?.row };
    return { ...change, rival, rivals: others.length, resolution: 'apply_remote' };
  });
  if (resolution.action === judged.action) return clashes;
  const winners = taken
    .flatMap(({ holder, claim }) => [holder, claim])
    .filter((other) => other !== undefined && other.key !== keyHash)
    .filter((other) => isOlder(version, other?.version));
  const [winner] = winners;
  if (winner === undefined) return clashes;
  const rival = { version: winner.version, row: holderIn(taken, winner)?.row };
  return [...clashes, { ...change, rival, rivals: 1, resolution: 'keep_local' }];
}
