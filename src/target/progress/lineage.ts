// After a promotion of a source, or its recovery to a point in time: is all that came from it before
// still on it? Only then do its positions, and ours, mean the same.
import { ReplicatorError } from '../../model/errors.ts';
import { formatLsn, zeroLsn } from '../../model/lsn.ts';
import { tableLabel } from '../../model/relation.ts';
import type { Lineage } from '../../model/timeline.ts';
import { reachedLsns } from '../../postgres/reached-lsns.ts';
import type { Session } from '../../postgres/session.ts';

/** Throws GAP, with the tables to be copied anew, when something is here that the source has not. */
export async function verifyLineage(
  session: Session,
  source: string,
  lineage: Lineage,
  earlier: bigint,
): Promise<void> {
  const { name } = session.database;
  const left = await lineage.leftAt(earlier);
  const reached = (await reachedLsns(session)).get(source) ?? zeroLsn;
  if (left !== undefined && reached <= left) return;
  const what =
    left === undefined
      ? `${source} is on timeline ${lineage.timeline}, and ${name} has changes of its timeline ${earlier}, of which it knows nothing`
      : `${source} left timeline ${earlier} at ${formatLsn(left)}, and ${name} has changes of it up to ${formatLsn(reached)}, which it lost`;
  throw new ReplicatorError('GAP', `${source}:${name}: ${what}`, {
    hint: `\`replicator resync ${source}:${name}\` for ${(await joinedTables(session, source)).join(', ')}`,
  });
}

/** Labels of the tables that would have to be copied anew. */
export async function joinedTables(session: Session, source: string): Promise<string[]> {
  const rows = await session.query<{ schema: string; name: string }>(
    `select table_schema as schema, table_name as name from replicator.tables
     where source = $1 order by 1, 2`,
    [source],
  );
  return rows.map(tableLabel);
}
