// A test's database as the program knows those of the user's file.
import type { DatabaseConfig } from '../../src/config/config.ts';
import type { TestDatabase } from './database.ts';

export function databaseConfig(
  database: Pick<TestDatabase, 'url'>,
  rest: Partial<DatabaseConfig> = {},
): DatabaseConfig {
  const url = new URL(database.url);
  return {
    name: 'b',
    host: url.hostname,
    port: Number(url.port || 5432),
    dbname: decodeURIComponent(url.pathname.slice(1)),
    user: url.username,
    password: async () => url.password || undefined,
    sslmode: 'disable',
    sslrootcert: undefined,
    sslcert: undefined,
    sslkey: undefined,
    connectTimeoutMs: 10_000,
    standbySlots: [],
    ...rest,
  };
}
