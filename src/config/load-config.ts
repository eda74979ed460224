// From a path, or the places where the file usually is, to a Config.
import { stat } from 'node:fs/promises';
import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';
import type { Environment } from './interpolate.ts';
import { parseConfig } from './parse-config.ts';
import { isPrivate } from './pgpass.ts';
import {
  formatMode,
  isMissingFile,
  isReadableByAll,
  readTextFile,
  type TextFile,
  whyUnreadable,
} from './read-text-file.ts';

const usualPaths = ['replicator.yaml', '/etc/replicator/replicator.yaml'];

const howToWrite = 'what to write into it: docs/reference/configuration.md';
const missing = (namedBy: string) =>
  `correct ${namedBy}, a relative path begins where the command runs; ${howToWrite}`;

export interface LoadOptions {
  /** From the command line; goes before REPLICATOR_CONFIG and the usual places. */
  readonly path?: string | undefined;
  readonly env?: Environment;
}

/** Throws ConfigError, with every problem of the file. */
export async function loadConfig({ path, env = process.env }: LoadOptions = {}): Promise<Config> {
  const named = path || env['REPLICATOR_CONFIG'];
  const hint = path ? missing('--config') : missing('REPLICATOR_CONFIG');
  const { file, text, mode } = await readFirst(named ? [named] : usualPaths, hint);
  const config = parseConfig(text, { file, env, isPublic: isReadableByAll(mode) });
  return { ...config, warnings: [...config.warnings, ...(await pgpassWarnings(config))] };
}

/** The first file that exists; one that exists and cannot be read is not passed over. */
async function readFirst(
  paths: readonly string[],
  hint: string,
): Promise<TextFile & { file: string }> {
  for (const file of paths) {
    try {
      return { file, ...(await readTextFile(file)) };
    } catch (cause) {
      const isNamed = paths.length === 1;
      if (isNamed || !isMissingFile(cause)) {
        const options = isMissingFile(cause) ? { cause, hint } : { cause };
        throw new ConfigError([`${file}: ${whyUnreadable(cause)}`], options);
      }
    }
  }
  throw new ConfigError(
    [
      `no configuration file: neither ${paths.join(' nor ')} is there; name it with --config or REPLICATOR_CONFIG`,
    ],
    { hint: howToWrite },
  );
}

/** Passwords in such a file are not used, as with psql; without a warning nobody finds out why. */
async function pgpassWarnings({ databases }: Config): Promise<string[]> {
  const paths = new Set<string>();
  for (const { passwordSource } of databases.values()) {
    if (passwordSource?.kind === 'pgpass') paths.add(passwordSource.path);
  }
  const warnings: string[] = [];
  for (const path of paths) {
    const mode = await stat(path).then(
      (stats) => stats.mode & 0o777,
      () => 0,
    );
    if (isPrivate(mode)) continue;
    warnings.push(
      `${path}: not used, because others may read it (mode ${formatMode(mode)}): chmod 600 it`,
    );
  }
  return warnings;
}
