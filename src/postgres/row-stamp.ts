// The commit time that PostgreSQL keeps of what wrote a row. Its exact version is never later, so who passes by this
// passes by that: a batch is stamped with its newest commit time. A copy is stamped as older than everything, so
// that whatever its rows would lose against wins; those whose versions went along count as the newest of them.
import { formatCommitTime } from '../model/commit-time.ts';

/** As early as can be: a time of 0, the start of 2000, means to PostgreSQL that none is given. */
export const copyStamp = formatCommitTime(1n);

/**
 * SQL of the stamp of `t`, a row of the table with that oid; NULL when it is older than everything, or of the
 * transaction itself.
 */
export function rowStamp(relation: string): string {
  return (
    `coalesce(nullif(pg_catalog.pg_xact_commit_timestamp(t.xmin), '${copyStamp}'), ` +
    '(select m.stamp from replicator.manifests m where m.xid = t.xmin::text::bigint ' +
    // Only those of a copy tell who wrote each row.
    `and m.relation = ${relation} and m.copied))`
  );
}

/** SQL of whether a copy of a table that several databases write to has brought `t`. */
export const isOfCopy = `pg_catalog.pg_xact_commit_timestamp(t.xmin) = '${copyStamp}'`;
