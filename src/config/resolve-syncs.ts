// Names become what they stand for, and syncs the subscriptions that follow from them.
import type { Role, SubscriptionConfig, SyncConfig } from './config.ts';
import type { ConfigFile } from './schema.ts';

/** Without the syncs whose relgroup or dbgroup is not there, or is wrong. */
export function resolveSyncs(file: ConfigFile): SyncConfig[] {
  const relgroups = new Map(Object.entries(file.relgroups));
  const dbgroups = new Map(
    Object.entries(file.dbgroups).map(([name, roles]) => [name, new Map(Object.entries(roles))]),
  );
  return Object.entries(file.syncs).flatMap(([name, sync]) => {
    const relgroup = relgroups.get(sync.relgroup);
    const members = dbgroups.get(sync.dbgroup);
    if (relgroup === undefined || members === undefined) return [];
    return {
      name,
      relgroup: { name: sync.relgroup, tables: relgroup.tables, exclude: relgroup.exclude },
      dbgroup: sync.dbgroup,
      members,
      initialCopy: sync.initial_copy,
      conflict: sync.conflict,
      conflictLog: sync.conflict_log,
      conflictWindowMs: sync.conflict_window,
      truncate: sync.truncate ?? (sourcesOf(members).length > 1 ? 'refuse' : 'replicate'),
    };
  });
}

/** Every source feeds every other member; over all syncs, in the order of the databases. */
export function deriveSubscriptions(
  syncs: readonly SyncConfig[],
  databases: readonly string[],
): SubscriptionConfig[] {
  return databases.flatMap((source) =>
    databases.flatMap((target) => {
      const between = syncs.filter((sync) => feeds(sync, source, target));
      return between.length === 0 ? [] : { source, target, syncs: between };
    }),
  );
}

/** Databases whose own changes and those of others meet in their tables. */
export function deriveOwnStreams(subscriptions: readonly SubscriptionConfig[]): string[] {
  const targets = new Set(subscriptions.map(({ target }) => target));
  const sources = subscriptions.map(({ source }) => source);
  return [...new Set(sources)].filter((source) => targets.has(source));
}

export function feeds({ members }: SyncConfig, source: string, target: string): boolean {
  return source !== target && members.get(source) === 'source' && members.has(target);
}

export function sourcesOf(members: ReadonlyMap<string, Role>): string[] {
  return [...members].flatMap(([name, role]) => (role === 'source' ? name : []));
}
