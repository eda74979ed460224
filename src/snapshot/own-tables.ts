// The tables of a database's own stream: those that others write to as well. They are what they are;
// there is nothing to copy, and every change counts.
import type { Config } from '../config/config.ts';
import { hasSeveralWriters } from '../config/writers.ts';
import { type Lsn, zeroLsn } from '../model/lsn.ts';
import type { RelationName } from '../model/relation.ts';

/** A TRUNCATE leaves no tombstones. */
const ownTable: { copiedAt: Lsn; truncate: 'ignore' } = { copiedAt: zeroLsn, truncate: 'ignore' };

/** Asked of each as it comes: tables join while their databases run, and this stream goes on meanwhile. */
export function ownTables(
  config: Config,
  database: string,
): (relation: RelationName) => typeof ownTable | undefined {
  return (relation) => (hasSeveralWriters(config, database, relation) ? ownTable : undefined);
}
