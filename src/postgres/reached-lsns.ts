// How much of each source is in a database: its positions are judged by that after a promotion.
import { type Lsn, parseLsn } from '../model/lsn.ts';
import type { Session } from './session.ts';

/**
 * By source: the greatest position of which something is here, in the stream's changes or in a copy. Its rows can hold
 * more than what comes before `copied_at`.
 */
export async function reachedLsns(session: Session): Promise<ReadonlyMap<string, Lsn>> {
  const rows = await session.query<{ source: string; lsn: string }>(
    `select p.source, greatest(p.lsn, max(t.copied_at), max(t.reached_lsn))::text as lsn
     from replicator.progress p left join replicator.tables t on t.source = p.source
     group by p.source`,
  );
  return new Map(rows.map(({ source, lsn }) => [source, parseLsn(lsn)]));
}
