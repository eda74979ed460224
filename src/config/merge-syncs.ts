// Syncs that overlap: a pair source → target carries a table once, so they must agree on how.
import { ReplicatorError } from '../model/errors.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import type { SubscriptionConfig, SyncConfig, SyncOptions } from './config.ts';
import { matchTables } from './match-tables.ts';
import { formatDuration } from './units.ts';

export interface TableOptions extends SyncOptions {
  readonly table: TableName;
  /** Names of the syncs that brought the table, in the file's order. */
  readonly syncs: readonly string[];
}

/**
 * The tables of a subscription, by their label. Throws CONFIGURATION for a table that two syncs
 * want to treat differently.
 */
export function mergeSyncs(
  subscription: SubscriptionConfig,
  tables: readonly TableName[],
): ReadonlyMap<string, TableOptions> {
  const merged = new Map<string, TableOptions>();
  const firstSync = new Map<string, SyncConfig>();
  for (const sync of subscription.syncs) {
    for (const table of matchTables(sync.relgroup, tables)) {
      const label = tableLabel(table);
      const first = firstSync.get(label) ?? sync;
      firstSync.set(label, first);
      const difference = optionDifference(first, sync);
      if (difference !== undefined) {
        const pair = `${subscription.source}:${subscription.target}`;
        throw new ReplicatorError(
          'CONFIGURATION',
          `table ${label} of ${pair} is in syncs ${first.name} and ${sync.name}, which differ in ${difference.option}: ${difference.values.join(' and ')}`,
          { hint: `set the same ${difference.option} in both syncs, or take the table out of one` },
        );
      }
      const { initialCopy, conflict, conflictLog, conflictWindowMs, truncate } = sync;
      const options = { initialCopy, conflict, conflictLog, conflictWindowMs, truncate };
      const syncs = [...(merged.get(label)?.syncs ?? []), sync.name];
      merged.set(label, { table, ...options, syncs });
    }
  }
  return merged;
}

/** By the name that the user's file gives it. */
const written = {
  initial_copy: ({ initialCopy }: SyncOptions) => initialCopy,
  conflict: ({ conflict }: SyncOptions) => conflict,
  conflict_log: ({ conflictLog }: SyncOptions) => conflictLog,
  conflict_window: ({ conflictWindowMs }: SyncOptions) => formatDuration(conflictWindowMs),
  truncate: ({ truncate }: SyncOptions) => truncate,
};

export interface OptionDifference {
  readonly option: keyof typeof written;
  readonly values: readonly [string, string];
}

export function optionDifference(a: SyncOptions, b: SyncOptions): OptionDifference | undefined {
  for (const [option, read] of Object.entries(written)) {
    const values = [read(a), read(b)] as const;
    if (values[0] !== values[1]) return { option: option as keyof typeof written, values };
  }
  return undefined;
}

/** Every table of a source that one of its subscriptions carries. */
export function tablesOfSource<T extends TableName>(
  subscriptions: readonly SubscriptionConfig[],
  source: string,
  tables: readonly T[],
): T[] {
  const syncs = subscriptions
    .filter((subscription) => subscription.source === source)
    .flatMap((subscription) => subscription.syncs);
  return tables.filter((table) =>
    syncs.some(({ relgroup }) => matchTables(relgroup, [table]).length > 0),
  );
}
