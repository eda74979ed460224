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
  subscription: SubscriptionConfig,
  table: TableName,
): Promise<void> {
  const { source, target } = subscription;
  const other = await otherFilledSource(config, subscription, table);
  if (other === undefined) return;
  throw new ReplicatorError(
    'COPY_REFUSED',
    `${source}:${target}: ${tableLabel(table)} has rows on ${other} too, which also writes to ${target}`,
    {
      hint: 'fill all but one database after the copy, or restore a dump and use initial_copy: none',
    },
  );
}

/**
 * Throws SERVER_BUSY while another source has yet to copy the table into the empty target: what we
 * would write there until then would make it a table that is not empty, and the copy be refused.
 */
export async function letOthersCopy(
  config: Config,
  subscription: SubscriptionConfig,
  table: TableName,
): Promise<void> {
  const { source, target } = subscription;
  const other = await otherFilledSource(config, subscription, table);
  if (other === undefined) return;
  throw new ReplicatorError(
    'SERVER_BUSY',
    `${source}:${target}: waits until ${tableLabel(table)} is copied from ${other} to ${target}`,
    { hint: 'goes on by itself after that copy' },
  );
}

/** A source of the same target whose rows of the table are its own. */
async function otherFilledSource(
  config: Config,
  { source, target }: SubscriptionConfig,
  table: TableName,
): Promise<string | undefined> {
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
    return other.source;
  }
  return undefined;
}
