// Syncs that overlap: a pair source → target carries a table once, so they must agree on how.
import { ReplicatorError } from '../model/errors.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import type {
  ConflictRule,
  InitialCopy,
  SubscriptionConfig,
  SyncConfig,
  TruncateRule,
} from './config.ts';
import { matchTables } from './match-tables.ts';

export interface TableOptions {
  readonly table: TableName;
  readonly initialCopy: InitialCopy;
  readonly conflict: ConflictRule;
  readonly truncate: TruncateRule;
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
      const { initialCopy, conflict, truncate } = sync;
      const syncs = [...(merged.get(label)?.syncs ?? []), sync.name];
      merged.set(label, { table, initialCopy, conflict, truncate, syncs });
    }
  }
  return merged;
}

export interface OptionDifference {
  /** As the user's file spells it. */
  readonly option: 'initial_copy' | 'conflict' | 'truncate';
  readonly values: readonly [string, string];
}

export function optionDifference(a: SyncConfig, b: SyncConfig): OptionDifference | undefined {
  if (a.initialCopy !== b.initialCopy) {
    return { option: 'initial_copy', values: [a.initialCopy, b.initialCopy] };
  }
  if (a.conflict !== b.conflict) return { option: 'conflict', values: [a.conflict, b.conflict] };
  if (a.truncate !== b.truncate) return { option: 'truncate', values: [a.truncate, b.truncate] };
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
