// Who writes, as this target knows it: the rank that decides ties, and the origin that its rows show.
import { ReplicatorError } from '../../model/errors.ts';
import type { Session } from '../../postgres/session.ts';
import type { Guard } from './guarded-statements.ts';

/**
 * Throws NOT_SET_UP when the source has no rank on this target, and CONFIGURATION when versions are to decide and
 * the server has been restarted without keeping them: every row would be older than everything.
 */
export async function readGuard(
  session: Session,
  source: string,
  isContested: boolean,
): Promise<Guard> {
  const [row] = await session.query(
    `select r.rank::text as rank, o.roident::text as origin,
            current_setting('track_commit_timestamp') as keeps_times,
            (current_setting('server_version_num')::int >= 140000)::text as keeps_origins
     from replicator.ranks r
     left join replicator.progress p on p.source = r.database
     left join pg_catalog.pg_replication_origin o on o.roname = p.origin
     where r.database = $1`,
    [source],
  );
  if (row?.['rank'] == null)
    throw new ReplicatorError('NOT_SET_UP', `${session.database.name}: ${source} has no rank here`);
  if (isContested && row['keeps_times'] !== 'on')
    throw new ReplicatorError(
      'CONFIGURATION',
      `${session.database.name}: track_commit_timestamp is off: which of two changes is newer cannot be told`,
      { hint: 'alter system set track_commit_timestamp = on; then restart the server' },
    );
  const originId = row['keeps_origins'] === 'true' ? (row['origin'] ?? undefined) : undefined;
  return { rank: Number(row['rank']), originId };
}
