// Whose own writes to a table meet at a database: with several writers its rows can conflict.
import type { TableName } from '../model/relation.ts';
import type { Config, ConflictLog, SubscriptionConfig } from './config.ts';
import { matchTables } from './match-tables.ts';
import { feeds } from './resolve-syncs.ts';

type Syncs = Pick<Config, 'databases' | 'syncs'>;

/**
 * The databases that feed the table to this one in any sync, and itself when it is a source of it;
 * in the file's order.
 */
export function writersOf(
  { databases, syncs }: Syncs,
  database: string,
  table: TableName,
): string[] {
  const carrying = syncs.filter(({ relgroup }) => matchTables(relgroup, [table]).length > 0);
  const isSource = carrying.some((sync) =>
    [...sync.members.keys()].some((target) => feeds(sync, database, target)),
  );
  return [...databases.keys()].filter((name) =>
    name === database ? isSource : carrying.some((sync) => feeds(sync, name, database)),
  );
}

export function hasSeveralWriters(syncs: Syncs, database: string, table: TableName): boolean {
  return writersOf(syncs, database, table).length > 1;
}

/**
 * How conflicts about the table are treated where a source's changes come to a target; undefined when
 * nobody else writes to it there. Where the target is no source of it, `pause` is `latest`: what a
 * person would write there goes to nobody. `lagMs`: how late others' changes arrive at the source, which
 * for that long cannot have seen what it overrules.
 */
export function contestedAt(
  config: Config,
  { target, syncs }: SubscriptionConfig,
  table: TableName,
  lagMs: () => number = () => 0,
):
  | { sync: string; log: ConflictLog; windowMs: number; pauses: boolean; isSource: boolean }
  | undefined {
  const writers = writersOf(config, target, table);
  if (writers.length < 2) return undefined;
  const sync = syncs.find(({ relgroup }) => matchTables(relgroup, [table]).length > 0);
  const isSource = writers.includes(target);
  const pauses = sync?.conflict === 'pause' && isSource;
  const leastMs = sync?.conflictWindowMs ?? 0;
  return {
    sync: sync?.name ?? '',
    log: sync?.conflictLog ?? 'off',
    pauses,
    isSource,
    // A person's decision must not be late by what waited for it.
    get windowMs() {
      return pauses || leastMs === 0 ? leastMs : Math.max(leastMs, lagMs());
    },
  };
}

/** Whose changes come to the database, its own stream among them; empty when there is only one. */
export function contendersAt(
  config: Pick<Config, 'subscriptions' | 'ownStreams'>,
  database: string,
): string[] {
  const all = sourcesAt(config, database);
  if (config.ownStreams.includes(database)) all.push(database);
  return all.length > 1 ? all : [];
}

/** Whose changes others send to the database. */
export function sourcesAt(
  { subscriptions }: Pick<Config, 'subscriptions'>,
  database: string,
): string[] {
  return subscriptions.filter(({ target }) => target === database).map(({ source }) => source);
}
