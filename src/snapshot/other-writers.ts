// Copying a table while a third database writes to it as well would need every writer held at the
// same snapshot. Until that is built, such a copy is refused.
import type { Config, SubscriptionConfig } from '../config/config.ts';
import { matchTables } from '../config/match-tables.ts';
import { ReplicatorError } from '../model/errors.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { Session } from '../postgres/session.ts';
import { isEmpty, wasCopied } from './copy-table.ts';

/** Throws COPY_REFUSED when another source of the target holds rows of the table. */
export async function refuseOtherWriters(
  config: Config,
  { source, target }: SubscriptionConfig,
  table: TableName,
): Promise<void> {
  for (const other of config.subscriptions) {
    if (other.target !== target || other.source === source) continue;
    if (!other.syncs.some(({ relgroup }) => matchTables(relgroup, [table]).length > 0)) continue;
    const database = config.databases.get(other.source);
    if (database === undefined) continue;
    await using session = await Session.connect(database, {
      purpose: 'copy',
      name: `${source}:${target}`,
    });
    if ((await isEmpty(session, table)) || (await wasCopied(session, table))) continue;
    throw new ReplicatorError(
      'COPY_REFUSED',
      `${source}:${target}: ${tableLabel(table)} has rows on ${other.source} too, which also writes to ${target}`,
      {
        hint: 'fill all but one database after the copy, or restore a dump and use initial_copy: none',
      },
    );
  }
}
