import { randomBytes } from 'node:crypto';
import { dropSlots } from './leftovers.ts';
import type { PostgresServer } from './postgres-server.ts';
import type { Row } from './text-query.ts';

export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  readonly server: PostgresServer;
  query(sql: string, params?: unknown[]): Promise<Row[]>;
  /** Drops its slots first, and ends whoever is still connected. */
  drop(): Promise<void>;
}

/** One for each name, with what the SQL makes. */
export async function createDatabases<const Names extends readonly string[]>(
  server: PostgresServer,
  names: Names,
  sql?: string,
): Promise<{ [Name in keyof Names]: TestDatabase }> {
  const databases = await Promise.all(names.map((name) => createDatabase(server, name)));
  if (sql !== undefined) for (const { query } of databases) await query(sql);
  return databases as { [Name in keyof Names]: TestDatabase };
}

/** A database that no other test has; its name tells whose it is. */
export async function createDatabase(
  server: PostgresServer,
  testName: string,
): Promise<TestDatabase> {
  const slug = testName
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 40);
  const name = `t_${slug}_${randomBytes(4).toString('hex')}`;
  await server.query('postgres', `create database ${name} template template0`);
  return {
    name,
    url: server.url(name),
    server,
    query: (sql, params) => server.query(name, sql, params),
    async drop() {
      await dropSlots(server, name);
      await server.query('postgres', `drop database if exists ${name} with (force)`);
    },
  };
}
