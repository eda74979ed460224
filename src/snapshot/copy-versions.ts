// The versions of copied rows, where several databases write the table. The copy's own time would be
// newer than changes of the others that have yet to come, so it is stamped as older than everything,
// and the versions that such a change could still meet go along one by one.
import { latenessMs } from '../model/version.ts';
import type { CatalogTable } from '../postgres/catalog.ts';
import { ownRows, quoteLiteral, quoteTable } from '../postgres/identifiers.ts';
import { givenKeyHash, hashedKey, rowKeyHash } from '../postgres/key-hash.ts';
import { originFunctions } from '../postgres/origin-functions.ts';
import { ownXid } from '../postgres/own-xid.ts';
import { copyStamp, rowStamp } from '../postgres/row-stamp.ts';
import type { Session } from '../postgres/session.ts';

export interface CopyVersionsOptions {
  readonly source: Session;
  /** Tagged with the subscription's origin, so that the rows are not sent back. */
  readonly target: Session;
  /** Whose changes meet in the table on the target; empty when only the source's come. */
  readonly contenders: readonly string[];
}

/** So many rows at a time: with a change far behind, it is every row. */
const rowsPerStatement = 50_000;

/** In the transaction that copies, with the snapshot set at the source. */
export async function copyVersions(
  table: CatalogTable,
  { source, target, contenders }: CopyVersionsOptions,
): Promise<void> {
  const functions = await originFunctions(target);
  // 0/0: only the time is meant, no progress.
  await target.query(`select ${functions}xact_setup('0/0', $1)`, [copyStamp]);
  const key = hashedKey(table);
  if (key === undefined) return;
  const earliest = await earliestToCome(source, target, contenders);
  await source.query(
    `declare versions no scroll cursor for select ${key.map(({ quoted }, i) => `t.${quoted} as k${i}`).join(', ')},
            v.commit_time::text as commit_time, v.rank::text as rank
     from ${ownRows(quoteTable(table), table.partitioned)} t,
          lateral replicator.version_of(t.xmin, ${table.oid}, ${rowKeyHash(key)}) v
     where ${rowStamp(table.oid)} >= ${quoteLiteral(earliest)} and v.commit_time >= ${quoteLiteral(earliest)}`,
  );
  for (;;) {
    const rows = await source.query(`fetch ${rowsPerStatement} from versions`);
    if (rows.length === 0) break;
    await target.query(
      `with given as (
         select ${ownXid} as xid, $1::regclass::oid as relation, ${givenKeyHash(key)} as key_hash,
                u.commit_time, u.rank
         from unnest($3::timestamptz[], $4::integer[], ${key.map((_, i) => `$${i + 5}::text[]`).join(', ')})
           as u(commit_time, rank, ${key.map((_, i) => `k${i}`).join(', ')})),
       kept as (
         insert into replicator.copied_versions (xid, relation, key_hash, commit_time, rank)
         select * from given on conflict do nothing)
       insert into replicator.manifests as m (xid, relation, rank, stamp, copied)
       select xid, relation, (select rank from replicator.ranks where database = $2), max(commit_time), true
       from given group by xid, relation
       on conflict (xid, relation) do update set stamp = greatest(m.stamp, excluded.stamp)`,
      [
        quoteTable(table),
        source.database.name,
        rows.map((row) => row['commit_time']),
        rows.map((row) => row['rank']),
        ...key.map((_, i) => rows.map((row) => row[`k${i}`])),
      ],
    );
  }
  await source.query('close versions');
}

/**
 * No change that still comes to the target is older: it was seen so far by the source, its own stream among them,
 * whose progress the target takes over, or by the target in its own stream.
 */
async function earliestToCome(
  source: Session,
  target: Session,
  contenders: readonly string[],
): Promise<string> {
  const seen = `select coalesce(min(coalesce(seen_time, '-infinity')), 'infinity')::text as time
                from replicator.progress where source = any ($1::text[])`;
  const { time: atSource } = await source.one<{ time: string }>(seen, [contenders]);
  const { time: atTarget } = await target.one<{ time: string }>(seen, [[target.database.name]]);
  const { earliest } = await source.one<{ earliest: string }>(
    `select (least($1::timestamptz, $2::timestamptz) - interval '${latenessMs} ms')::text as earliest`,
    [atSource, atTarget],
  );
  return earliest;
}
