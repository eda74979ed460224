// The configuration in effect, as YAML that could be loaded again but for the passwords.
import { stringify } from 'yaml';
import type { Config, DatabaseConfig, SyncConfig } from './config.ts';
import { escapeReferences } from './interpolate.ts';
import { formatDuration, formatSize } from './units.ts';

export function printConfig(config: Config): string {
  const pairs = config.subscriptions.map(({ source, target }) => `#   ${source}:${target}\n`);
  const text = stringify(effectiveConfig(config), escaped, { lineWidth: 0 });
  return `# ${config.file}\n${text}# subscriptions:\n${pairs.join('')}`;
}

/** The same as data, by the keys of the file. */
export function effectiveConfig(config: Config): Record<string, unknown> {
  const { databases, syncs, apply, slots, log } = config;
  return {
    databases: Object.fromEntries(
      [...databases].map(([name, database]) => [name, databaseEntry(database)]),
    ),
    relgroups: Object.fromEntries(
      syncs.map(({ relgroup: { name, tables, exclude } }) => [name, { tables, exclude }]),
    ),
    dbgroups: Object.fromEntries(
      syncs.map(({ dbgroup, members }) => [dbgroup, Object.fromEntries(members)]),
    ),
    syncs: Object.fromEntries(syncs.map((sync) => [sync.name, syncEntry(sync)])),
    apply: {
      batch_changes: apply.batchChanges,
      batch_size: formatSize(apply.batchBytes),
      queue_size: formatSize(apply.queueBytes),
      lock_timeout: formatDuration(apply.lockTimeoutMs),
    },
    slots: {
      warn_at: formatSize(slots.warnBytes),
      give_up_at: slots.giveUpBytes === undefined ? 'never' : formatSize(slots.giveUpBytes),
    },
    heartbeat: config.heartbeatMs === undefined ? 'never' : formatDuration(config.heartbeatMs),
    log,
    max_clock_skew: formatDuration(config.maxClockSkewMs),
    conflict_retention: formatDuration(config.conflictRetentionMs),
    shutdown_timeout: formatDuration(config.shutdownTimeoutMs),
  };
}

function databaseEntry(database: DatabaseConfig) {
  const { host, port, dbname, user, passwordSource, sslmode } = database;
  const { sslrootcert, sslcert, sslkey, connectTimeoutMs, standbySlots } = database;
  return {
    host,
    port,
    dbname,
    user,
    ...(passwordSource?.kind === 'config' && { password: '***' }),
    ...(passwordSource?.kind === 'file' && { password_file: passwordSource.path }),
    sslmode,
    // stringify leaves out what is undefined.
    sslrootcert,
    sslcert,
    sslkey,
    connect_timeout: formatDuration(connectTimeoutMs),
    ...(standbySlots.length > 0 && { standby_slots: standbySlots }),
  };
}

function syncEntry(sync: SyncConfig) {
  return {
    relgroup: sync.relgroup.name,
    dbgroup: sync.dbgroup,
    initial_copy: sync.initialCopy,
    conflict: sync.conflict,
    conflict_log: sync.conflictLog,
    conflict_window: formatDuration(sync.conflictWindowMs),
    truncate: sync.truncate,
  };
}

const escaped = (_key: unknown, value: unknown): unknown =>
  typeof value === 'string' ? escapeReferences(value) : value;
