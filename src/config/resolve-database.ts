// One entry of `databases`: its url taken apart, its defaults applied, its password found.
import { isIPv4 } from 'node:net';
import { dirname, resolve } from 'node:path';
import type { DatabaseConfig, SslMode } from './config.ts';
import { parseConnectionUrl } from './connection-url.ts';
import {
  type ConnectionSettings,
  connectionSchema,
  type DatabaseEntry,
} from './database-schema.ts';
import type { Environment } from './interpolate.ts';
import { fixedPassword, passwordFromFile, passwordFromPgpass } from './password.ts';
import { pgpassPath } from './pgpass.ts';

export interface Origin {
  /** The user's file: paths in it are relative to its folder. */
  readonly file: string;
  readonly env: Environment;
}

/** Notes what is wrong: the key that it is about (none: the entry), and a message. */
export type Refuse = (key: string | undefined, message: string) => void;

/** Undefined when something is wrong with it; `refuse` has been told then. */
export function resolveDatabase(
  name: string,
  entry: DatabaseEntry,
  origin: Origin,
  refuse: Refuse,
): DatabaseConfig | undefined {
  const inUrl = readUrl(entry.url, refuse);
  if (inUrl === undefined) return undefined;
  const twice = Object.keys(inUrl).filter((key) => Object.hasOwn(entry, key));
  for (const key of twice) refuse(key, `.${key} is given twice: as a key and in the url`);

  const { host, port = 5432, dbname, user, ...settings } = { ...inUrl, ...entry };
  for (const [key, value] of Object.entries({ host, dbname, user })) {
    if (value === undefined) refuse(undefined, `: missing key "${key}"${orUrl(key, entry)}`);
  }
  if (!host || !dbname || !user) return undefined;

  const { sslrootcert, sslcert, sslkey } = settings;
  const hasTlsFiles = [sslrootcert, sslcert, sslkey].some((path) => path !== undefined);
  const usual = isOnThisMachine(host) && !hasTlsFiles ? 'disable' : 'verify-full';
  const sslmode: SslMode = settings.sslmode ?? usual;
  const tls = tlsProblem(host, { ...settings, sslmode }, hasTlsFiles);
  if (tls !== undefined) refuse(undefined, `: ${tls}`);
  if (twice.length > 0 || tls !== undefined) return undefined;

  const inFolder = (path: string) => resolve(dirname(origin.file), path);
  const server = { host, port, dbname, user };
  return {
    name,
    ...server,
    ...passwordOf(name, server, settings, origin),
    sslmode,
    sslrootcert: sslrootcert && inFolder(sslrootcert),
    sslcert: sslcert && inFolder(sslcert),
    sslkey: sslkey && inFolder(sslkey),
    connectTimeoutMs: entry.connect_timeout,
    standbySlots: entry.standby_slots,
  };
}

type Settings = Omit<ConnectionSettings, 'host' | 'port' | 'dbname' | 'user'> &
  Pick<DatabaseEntry, 'password' | 'password_file'>;

/** Undefined when the url is wrong. */
function readUrl(
  url: string | undefined,
  refuse: Refuse,
): (ConnectionSettings & { password?: string }) | undefined {
  if (url === undefined) return {};
  const { settings, problems } = parseConnectionUrl(url);
  for (const problem of problems) refuse('url', `.url ${problem}`);
  const { password, ...rest } = Object.fromEntries(settings);
  const { data, error } = connectionSchema.safeParse(rest);
  for (const issue of error?.issues ?? []) {
    refuse('url', `.url: ${String(issue.path[0])} ${issue.message}`);
  }
  if (data === undefined || problems.length > 0) return undefined;
  return { ...data, ...(password !== undefined && { password }) };
}

const orUrl = (key: string, entry: DatabaseEntry): string =>
  key === 'host' && entry.url === undefined ? ' (or "url")' : '';

function isOnThisMachine(host: string): boolean {
  const isLoopback = host === '::1' || (isIPv4(host) && host.startsWith('127.'));
  return host.startsWith('/') || host === 'localhost' || isLoopback;
}

function tlsProblem(host: string, settings: Settings, hasTlsFiles: boolean): string | undefined {
  const { sslmode, sslcert, sslkey } = settings;
  if (host.startsWith('/') && sslmode !== 'disable') {
    return 'there is no TLS over a Unix-domain socket: remove the ssl settings';
  }
  if (sslmode === 'disable' && hasTlsFiles) {
    return 'ssl files are named but sslmode is disable: say verify-full, or remove them';
  }
  if ((sslcert === undefined) !== (sslkey === undefined)) {
    return 'sslcert and sslkey go together: give both or none';
  }
  return undefined;
}

function passwordOf(
  name: string,
  server: Pick<DatabaseConfig, 'host' | 'port' | 'dbname' | 'user'>,
  settings: Settings,
  { file, env }: Origin,
): Required<Pick<DatabaseConfig, 'password' | 'passwordSource'>> {
  if (settings.password !== undefined) {
    return { password: fixedPassword(settings.password), passwordSource: { kind: 'config' } };
  }
  if (settings.password_file !== undefined) {
    const path = resolve(dirname(file), settings.password_file);
    return { password: passwordFromFile(name, path), passwordSource: { kind: 'file', path } };
  }
  const path = pgpassPath(env);
  return { password: passwordFromPgpass(path, server), passwordSource: { kind: 'pgpass', path } };
}
