// Tables that join without a copy, and from where on the changes of each count.
import type { TableOptions } from '../config/merge-syncs.ts';
import { hasSeveralWriters } from '../config/writers.ts';
import { ReplicatorError } from '../model/errors.ts';
import { formatLsn, type Lsn, maxLsn } from '../model/lsn.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { publicationName, subscriptionName } from '../postgres/object-names.ts';
import { publishedTables } from '../postgres/publication.ts';
import type { Session } from '../postgres/session.ts';
import { addToPublication } from './add-to-publication.ts';
import { unlessJoined } from './copy-table.ts';
import type { JoinParties } from './decide-join.ts';
import type { Joined } from './joined-tables.ts';
import { filledSince, hasJoined, isEmpty } from './rows-there.ts';
import { untilVisible } from './until-visible.ts';

export interface WithoutCopyOptions extends JoinParties {
  /** Where the subscription stands; the slot holds everything after it. */
  readonly progress: Lsn;
  /** They are about to join without a copy: whether both sides are equal is not known. */
  readonly onAsTheyAre: (source: Session, tables: readonly TableName[]) => Promise<void>;
}

/**
 * A table that is published already counts from the subscription's progress on: the slot has held
 * its changes since. Gives those that were to join as empty and are not any more.
 */
export async function joinWithoutCopy(
  filled: readonly TableOptions[],
  empty: readonly TableOptions[],
  options: WithoutCopyOptions,
): Promise<TableOptions[]> {
  const { source, target } = options;
  const name = publicationName(source.database.name);
  const published = new Set((await publishedTables(source, name)).map(tableLabel));
  const records: [TableOptions, Lsn][] = [];
  const left: TableOptions[] = [];
  for (const found of [...filled, ...empty]) {
    const from = published.has(tableLabel(found.table))
      ? await publishedFrom(found.table, empty.includes(found), options)
      : await addToPublication(source, found.table, { onlyIfEmpty: empty.includes(found) });
    if (from !== undefined) records.push([found, from]);
    else if (found.initialCopy === 'none') left.push(found);
    else
      throw new ReplicatorError(
        'SERVER_BUSY',
        `${subscriptionName(options.subscription)}: ${tableLabel(found.table)} was written to while it joined`,
      );
  }
  // All or none: after a crash the rest of a sync's tables would not be its first any more.
  await target.transaction(async () => {
    for (const [{ table, syncs }, from] of records) {
      const inserted = await target.query(
        `insert into replicator.tables (source, table_schema, table_name, sync, copied_at, copied)
         values ($1, $2, $3, $4, $5, false) ${unlessJoined} returning 1`,
        [source.database.name, table.schema, table.name, syncs[0], formatLsn(from)],
      );
      // A copy from another source recorded it for us: with the position that goes with its rows.
      if (inserted.length === 0)
        throw new ReplicatorError(
          'SERVER_BUSY',
          `${subscriptionName(options.subscription)}: ${tableLabel(table)} was copied from another source while it joined`,
        );
    }
  });
  return left;
}

/**
 * While nobody has brought anything to an empty table, what its users did before was of rows that were never
 * replicated, and would take those elsewhere that have the same keys. Undefined when it is not empty any more.
 */
async function publishedFrom(
  table: TableName,
  joinsEmpty: boolean,
  { config, source, progress, subscription }: WithoutCopyOptions,
): Promise<Lsn | undefined> {
  const isShared = (name: string) => hasSeveralWriters(config, name, table);
  if (!isShared(subscription.target)) {
    if (joinsEmpty) await untilVisible(source, table);
    return joinsEmpty && !(await isEmpty(source, table)) ? undefined : progress;
  }
  // Locked, as a commit may be in the WAL and not be visible yet.
  if (joinsEmpty && isShared(subscription.source) && !(await hasJoined(source, table)))
    return await addToPublication(source, table, { onlyIfEmpty: true });
  return maxLsn(progress, await filledSince(source, table));
}

/**
 * A copy of another source brought them before they were published here: nobody was sent what users wrote meanwhile.
 */
export async function publishCopied(
  { source, onAsTheyAre }: WithoutCopyOptions,
  joined: ReadonlyMap<string, Joined>,
  wanted: ReadonlyMap<string, TableOptions>,
): Promise<void> {
  const name = publicationName(source.database.name);
  const published = new Set((await publishedTables(source, name)).map(tableLabel));
  const isUnsent = (label: string) => {
    const known = joined.get(label);
    return known !== undefined && known.sourceOid === undefined && !published.has(label);
  };
  const unsent = [...wanted].flatMap(([label, { table }]) => (isUnsent(label) ? [table] : []));
  if (unsent.length > 0) await onAsTheyAre(source, unsent);
  for (const table of unsent) await addToPublication(source, table, { onlyIfEmpty: false });
}
