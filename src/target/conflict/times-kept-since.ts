import type { Session } from '../../postgres/session.ts';

/**
 * A server gives the commit times of transactions up that it has frozen in all databases (TruncateCommitTs in
 * vac_truncate_clog, vacuum.c), and has none from before it was told to keep them. As transactions that we wrote have
 * the times of their source, the latest of a few that come next.
 */
const timesKeptSince = `
  select (extract(epoch from max(at) - '2000-01-01 00:00:00+00') * 1000000)::bigint::text as since from (
    select pg_catalog.pg_xact_commit_timestamp(x.id::text::xid) as at
    from (select (oldest.xid::text::bigint + i) % 4294967296 as id
          from (select xid from (
                  (select datfrozenxid as xid from pg_catalog.pg_database order by age(datfrozenxid) desc limit 1)
                  union all
                  select oldest_commit_ts_xid from pg_catalog.pg_control_checkpoint()
                  where oldest_commit_ts_xid::text <> '0') known
                order by age(xid) limit 1) oldest,
               pg_catalog.generate_series(0, 999) i
          order by i) x
    where x.id > 2 and pg_catalog.pg_xact_commit_timestamp(x.id::text::xid) is not null
    limit 5) kept`;

/**
 * Rows that were written before have no commit time here any more, so whether a change from before is newer cannot be
 * told. In microseconds since 2000; 0 where none is missing.
 */
export async function readTimesKeptSince(session: Session): Promise<bigint> {
  const { since } = await session.one<{ since: string | null }>(timesKeptSince);
  return BigInt(since ?? 0);
}
