// Which of the known databases play which part.
import type { Config, SyncConfig } from '../../config/config.ts';
import { sourcesOf } from '../../config/resolve-syncs.ts';
import type { DatabaseFacts } from './database-facts.ts';
import type { PreflightFacts } from './facts.ts';

/** Databases whose writes are replicated. */
export function sourcesAmong({ config, databases }: PreflightFacts): DatabaseFacts[] {
  const names = new Set(config.subscriptions.map(({ source }) => source));
  return [...databases.values()].filter(({ name }) => names.has(name));
}

/** Databases that changes are applied to; in a group with several sources, sources are too. */
export function targetsAmong({ config, databases }: PreflightFacts): DatabaseFacts[] {
  const names = new Set(config.subscriptions.map(({ target }) => target));
  return [...databases.values()].filter(({ name }) => names.has(name));
}

export interface MultiSourceSync {
  readonly sync: SyncConfig;
  readonly sources: readonly string[];
}

/** Syncs in which rows can be changed on several databases at once. */
export function multiSourceSyncs({ syncs }: Config): MultiSourceSync[] {
  return syncs
    .map((sync) => ({ sync, sources: sourcesOf(sync.members) }))
    .filter(({ sources }) => sources.length > 1);
}
