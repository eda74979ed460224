import { type Lsn, parseLsn } from '../model/lsn.ts';
import type { Session } from './session.ts';

/** Of all that was inserted until now, whether or not it is on disk: what commits from now on does so behind it. */
export async function endOfWal(session: Session): Promise<Lsn> {
  const { lsn } = await session.one<{ lsn: string }>(
    'select pg_catalog.pg_current_wal_insert_lsn()::text as lsn',
  );
  return parseLsn(lsn);
}
