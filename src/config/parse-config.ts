// The text of the user's file becomes a Config, or one error with everything that is wrong.
import { checkReferences } from './check-references.ts';
import { checkAgreement, checkForwarding } from './check-syncs.ts';
import type { Config, DatabaseConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import { notePasswords, noteUnused } from './config-warnings.ts';
import { parseYaml } from './parse-yaml.ts';
import { problemLines, type Report, reportInto } from './report.ts';
import { type Origin, resolveDatabase } from './resolve-database.ts';
import { deriveOwnStreams, deriveSubscriptions, resolveSyncs } from './resolve-syncs.ts';
import type { ConfigFile } from './schema.ts';
import type { Mistake } from './syntax-mistake.ts';
import { validateFile } from './validate-file.ts';

export interface ConfigOrigin extends Origin {
  /** Whether everyone on this machine may read the file. */
  readonly isPublic: boolean;
}

/** Throws ConfigError. */
export function parseConfig(text: string, origin: ConfigOrigin): Config {
  const { root, mistakes: inYaml } = parseYaml(text, origin.env);
  const mistakes = [...inYaml];
  const lines = (list: readonly Mistake[]) => problemLines(origin.file, text, list);
  if (root === undefined) {
    throw new ConfigError(mistakes.length > 0 ? lines(mistakes) : [`${origin.file}: is empty`]);
  }
  const report = reportInto(mistakes, root);
  checkReferences(root, report);
  const file = validateFile(root, report);
  if (file === undefined) throw new ConfigError(lines(mistakes));

  const databases = resolveDatabases(file, origin, report);
  const syncs = resolveSyncs(file);
  checkAgreement(syncs, report);
  checkForwarding(syncs, report);
  if (mistakes.length > 0) throw new ConfigError(lines(mistakes));

  const subscriptions = deriveSubscriptions(syncs, [...databases.keys()]);
  const warnings: Mistake[] = [];
  noteUnused(file, syncs, reportInto(warnings, root));
  notePasswords(root, file, origin, reportInto(warnings, root));
  return {
    file: origin.file,
    warnings: lines(warnings),
    databases,
    syncs,
    subscriptions,
    ownStreams: deriveOwnStreams(subscriptions),
    apply: {
      batchChanges: file.apply.batch_changes,
      batchBytes: file.apply.batch_size,
      queueBytes: file.apply.queue_size,
      lockTimeoutMs: file.apply.lock_timeout,
    },
    slots: {
      warnBytes: file.slots.warn_at,
      giveUpBytes: file.slots.give_up_at === 'never' ? undefined : file.slots.give_up_at,
    },
    heartbeatMs: file.heartbeat === 'never' ? undefined : file.heartbeat,
    log: file.log,
    maxClockSkewMs: file.max_clock_skew,
    conflictRetentionMs: file.conflict_retention,
    shutdownTimeoutMs: file.shutdown_timeout,
  };
}

function resolveDatabases(
  file: ConfigFile,
  origin: Origin,
  report: Report,
): Map<string, DatabaseConfig> {
  const databases = new Map<string, DatabaseConfig>();
  const nameOfServer = new Map<string, string>();
  for (const [name, entry] of Object.entries(file.databases)) {
    const path = ['databases', name];
    const database = resolveDatabase(name, entry, origin, (key, message) =>
      report(
        key === undefined ? path : [...path, key],
        `databases.${name}${message}`,
        key === undefined ? 'key' : 'value',
      ),
    );
    if (database === undefined) continue;
    databases.set(name, database);
    const server = JSON.stringify([database.host.toLowerCase(), database.port, database.dbname]);
    const other = nameOfServer.get(server);
    nameOfServer.set(server, name);
    if (other !== undefined) {
      report(
        path,
        `databases ${other} and ${name} are the same: equal host, port and dbname`,
        'key',
      );
    }
  }
  return databases;
}
