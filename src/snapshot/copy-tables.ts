// Copies tables of a subscription, all from one snapshot of the source.
import type { Logger } from 'pino';
import { matchTables } from '../config/match-tables.ts';
import type { TableOptions } from '../config/merge-syncs.ts';
import { contendersAt, hasSeveralWriters } from '../config/writers.ts';
import { formatLsn } from '../model/lsn.ts';
import { tableLabel } from '../model/relation.ts';
import { subscriptionName } from '../postgres/object-names.ts';
import { reachedLsns } from '../postgres/reached-lsns.ts';
import { addToPublication } from './add-to-publication.ts';
import { copyMemory, untilRemembered, untilRememberedSoon } from './copy-memory.ts';
import type { Feed } from './copy-positions.ts';
import { type CopyProgress, copyTable } from './copy-table.ts';
import type { JoinParties } from './decide-join.ts';
import { exportSnapshot } from './exported-snapshot.ts';
import { untilNotBehind } from './other-writers.ts';

export interface CopyTablesOptions extends JoinParties {
  readonly onProgress: (progress: CopyProgress) => void;
  readonly log: Logger;
}

export async function copyTables(
  tables: readonly TableOptions[],
  options: CopyTablesOptions,
): Promise<void> {
  const { config, source, target, log, onProgress, subscription } = options;
  // Published before the snapshot: what is written after it is in the stream.
  for (const { table } of tables) await addToPublication(source, table, 'without a lock');
  const contested = tables.filter(({ table }) =>
    hasSeveralWriters(config, subscription.target, table),
  );
  await untilNotBehind(config, othersOf(contested, options), { from: source, to: target });
  // Slots are shared by the cluster, so the name says whose it is.
  const slot = `replicator_copy_${subscription.source}__${subscription.target}`;
  await using snapshot = await exportSnapshot(source, slot, (why) =>
    log.warn({ subscription: subscriptionName(subscription) }, why),
  );
  await copyOwnMemory(contested, options);
  // Not in the snapshot, which is older than what went along just now.
  const reached = await reachedLsns(source);
  for (const found of tables) {
    const { table } = found;
    const feeds = feedsOf(found, options);
    const contenders = contested.includes(found) ? contendersAt(config, subscription.target) : [];
    await copyTable(table, {
      ...{ source, target, snapshot, feeds, reached, contenders, onProgress },
      untilTargetRemembers: async () => await untilRememberedSoon(target.database),
    });
    log.info(
      {
        subscription: subscriptionName(subscription),
        table: tableLabel(table),
        lsn: formatLsn(snapshot.consistentLsn),
      },
      'table copied',
    );
  }
}

/** Of what the snapshot holds. A snapshot is older than what the source remembers of its own changes in it. */
async function copyOwnMemory(
  tables: readonly TableOptions[],
  { config, source, target }: CopyTablesOptions,
): Promise<void> {
  if (tables.length === 0 || !config.ownStreams.includes(source.database.name)) return;
  await untilRemembered(source);
  for (const { table } of tables) await copyMemory(table, source, target);
}

/** This subscription, and the others that bring the table to the target. */
function feedsOf(found: TableOptions, { config, subscription }: CopyTablesOptions): Feed[] {
  const others = config.subscriptions.flatMap((other) => {
    const sync = other.syncs.find(
      ({ relgroup }) => matchTables(relgroup, [found.table]).length > 0,
    );
    const isOther = other.target === subscription.target && other.source !== subscription.source;
    return isOther && sync !== undefined ? [{ source: other.source, sync: sync.name }] : [];
  });
  return [{ source: subscription.source, sync: found.syncs[0] ?? '' }, ...others];
}

function othersOf(tables: readonly TableOptions[], options: CopyTablesOptions): string[] {
  const sources = tables.flatMap((found) => feedsOf(found, options)).map((feed) => feed.source);
  return [...new Set(sources)].filter((name) => name !== options.subscription.source);
}
