// Configurations for databases of the test servers, and roles that have no privileges at all.
import type { Config, DatabaseConfig, Role, SyncConfig } from '../../../src/config/config.ts';
import { deriveSubscriptions } from '../../../src/config/resolve-syncs.ts';
import { quoteIdentifier } from '../../../src/postgres/identifiers.ts';
import type { Finding } from '../../../src/setup/preflight/finding.ts';
import type { TestDatabase } from '../../support/database.ts';

export interface Member {
  readonly database: TestDatabase;
  readonly role: Role;
  readonly user?: string;
}

export function configOf(
  members: Readonly<Record<string, Member>>,
  sync: Partial<SyncConfig> & { readonly tables?: readonly string[] } = {},
): Config {
  const { tables = ['public.*'], ...options } = sync;
  const databases = new Map(
    Object.entries(members).map(([name, member]) => [name, databaseConfig(name, member)]),
  );
  const syncs: SyncConfig[] = [
    {
      name: 's',
      relgroup: { name: 'r', tables, exclude: [] },
      dbgroup: 'g',
      members: new Map(Object.entries(members).map(([name, { role }]) => [name, role])),
      initialCopy: 'none',
      conflict: 'latest',
      truncate: 'replicate',
      ...options,
    },
  ];
  return {
    file: 'replicator.yaml',
    warnings: [],
    databases,
    syncs,
    subscriptions: deriveSubscriptions(syncs, [...databases.keys()]),
    apply: { batchChanges: 1, batchBytes: 1, queueBytes: 1, lockTimeoutMs: 1 },
    log: { level: 'info' },
    maxClockSkewMs: 500,
    shutdownTimeoutMs: 10_000,
  };
}

function databaseConfig(name: string, { database, user = 'postgres' }: Member): DatabaseConfig {
  const { hostname, port } = new URL(database.url);
  return {
    name,
    host: hostname,
    port: Number(port),
    dbname: database.name,
    user,
    password: async () => undefined,
    sslmode: 'disable',
    sslrootcert: undefined,
    sslcert: undefined,
    sslkey: undefined,
    connectTimeoutMs: 5_000,
  };
}

/** May connect, and nothing else. Roles belong to the server, so each test drops its own. */
export async function createRole(database: TestDatabase, name: string): Promise<void> {
  await database.query(`create role ${quoteIdentifier(name)} login`);
  // Before 15 everyone may create in schema public.
  await database.query('revoke all on schema public from public');
}

export async function dropRole(database: TestDatabase, name: string): Promise<void> {
  const role = quoteIdentifier(name);
  await database.query(
    `reassign owned by ${role} to postgres; drop owned by ${role}; drop role ${role}`,
  );
}

/** `error wal-level a`: enough to tell findings apart. */
export function briefly(findings: readonly Finding[]): string[] {
  return findings.map(({ severity, check, database, table }) =>
    [severity, check, database, ...(table === undefined ? [] : [table])].join(' '),
  );
}
