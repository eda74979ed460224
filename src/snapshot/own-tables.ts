// The tables of a database's own stream: those that others write to as well. They are what they are;
// there is nothing to copy, and every change counts.
import type { Config } from '../config/config.ts';
import { writersOf } from '../config/writers.ts';
import { type Lsn, zeroLsn } from '../model/lsn.ts';
import type { RelationName } from '../model/relation.ts';
import type { Session } from '../postgres/session.ts';

/** A TRUNCATE leaves no tombstones. */
const ownTable: { copiedAt: Lsn; truncate: 'ignore' } = { copiedAt: zeroLsn, truncate: 'ignore' };

/**
 * Asked of each as it comes: tables join while their databases run, and this stream goes on meanwhile. Known by
 * its oid, as a new name changes nothing; whether others write to it indeed is looked at before it is applied.
 */
export async function ownTables(
  config: Config,
  session: Session,
): Promise<(relation: RelationName) => typeof ownTable | undefined> {
  const rows = await session.query<{ oid: string }>(
    'select target_oid::text as oid from replicator.tables where target_oid is not null',
  );
  const shared = new Set(rows.map(({ oid }) => Number(oid)));
  return (relation) => {
    // The file has no writer of what had another name when it joined.
    if (writersOf(config, session.database.name, relation).length !== 1) shared.add(relation.oid);
    return shared.has(relation.oid) ? ownTable : undefined;
  };
}
