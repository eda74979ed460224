// How the driver is configured for a database: all connections of ours are opened with this, so that
// every one has the same canonical settings and gives values as raw text.
import type pg from 'pg';
import type { DatabaseConfig } from '../config/config.ts';
import { ReplicatorError } from '../model/errors.ts';
import { tlsOptions } from './tls-options.ts';

/** What the connection is for; shows in pg_stat_activity as `replicator/<name>/<purpose>`. */
export type Purpose =
  | 'apply'
  | 'compare'
  | 'control'
  | 'copy'
  | 'fetch'
  | 'lease'
  | 'setup'
  | 'status'
  | 'walsender';

export interface SessionOptions {
  readonly purpose: Purpose;
  /** The subscription's or the database's name. */
  readonly name: string;
  /** Further settings, `name: value`; they win over the canonical ones. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A query without any reply for this long means that the connection is dead. Default 60 s. */
  readonly replyTimeoutMs?: number;
  /**
   * Where a query may take long: its server is asked, on another connection, whether it is at work.
   * If it does not say so, the connection is dead. Default: not asked.
   */
  readonly askAfterMs?: number;
}

// Whatever a role or a database sets must not change what values look like or how long we wait
// (HAZARDS of hostile settings). All are ordinary settings, so no privilege is needed, and those
// given in the startup packet win over ALTER ROLE and ALTER DATABASE.
const canonicalSettings: Readonly<Record<string, string>> = {
  datestyle: 'ISO',
  intervalstyle: 'postgres',
  extra_float_digits: '3',
  bytea_output: 'hex',
  timezone: 'UTC',
  lc_monetary: 'C',
  xmloption: 'content',
  search_path: '',
  array_nulls: 'on',
  standard_conforming_strings: 'on',
  // Changes how the catalogs spell a type.
  quote_all_identifiers: 'off',
  row_security: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  tcp_keepalives_idle: '30',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '60000',
};

/**
 * Unknown to older servers, where naming them at startup would be refused. Replication connections
 * need them as well: a walsender is ended by transaction_timeout in the middle of a transaction.
 */
export const newerSettings = `select set_config(name, '0', false) from pg_catalog.pg_settings
  where name in ('idle_session_timeout', 'transaction_timeout')`;

function startupOptions(settings: Readonly<Record<string, string>>): string {
  return Object.entries({ ...canonicalSettings, ...settings })
    .map(([name, value]) => `-c ${name}=${value.replaceAll(/[\\ ]/g, '\\$&')}`)
    .join(' ');
}

/** The driver's configuration for one database: also used for the replication connection. */
export async function clientConfig(
  database: DatabaseConfig,
  options: SessionOptions,
): Promise<pg.ClientConfig> {
  const askPassword = async () => {
    const password = await database.password();
    if (password !== undefined && password !== '') return password;
    throw new ReplicatorError(
      'AUTHENTICATION',
      `${database.name}: the server asks for a password and none is configured`,
      { hint: `set databases.${database.name}.password_file, password or a .pgpass entry` },
    );
  };
  return {
    host: database.host,
    port: database.port,
    database: database.dbname,
    user: database.user,
    password: askPassword,
    ssl: await tlsOptions(database),
    // Else PGSSLNEGOTIATION would decide, which is another program's.
    sslnegotiation: 'postgres',
    application_name: `replicator/${options.name}/${options.purpose}`,
    options: startupOptions(options.settings ?? {}),
    connectionTimeoutMillis: database.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    types: { getTypeParser: () => (value: string) => value } as pg.CustomTypesConfig,
  };
}
