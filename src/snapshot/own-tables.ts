// The tables of a database's own stream: those that it writes to and others write to as well. They
// are what they are; there is nothing to copy, and every change counts.
import type { Config } from '../config/config.ts';
import { tablesOfSource } from '../config/merge-syncs.ts';
import { hasSeveralWriters } from '../config/writers.ts';
import { type Lsn, zeroLsn } from '../model/lsn.ts';
import { tableLabel } from '../model/relation.ts';
import { listTables } from '../postgres/catalog.ts';
import type { Session } from '../postgres/session.ts';

/** By table label. A TRUNCATE leaves no tombstones. */
export async function ownTables(
  config: Config,
  session: Session,
): Promise<Map<string, { copiedAt: Lsn; truncate: 'ignore' }>> {
  const { name } = session.database;
  const tables = tablesOfSource(config.subscriptions, name, await listTables(session)).filter(
    (table) => hasSeveralWriters(config, name, table),
  );
  return new Map(
    tables.map((table) => [tableLabel(table), { copiedAt: zeroLsn, truncate: 'ignore' }]),
  );
}
