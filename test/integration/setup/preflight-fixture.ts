// Configurations for databases of the test servers, and roles that have no privileges at all.
import type { Config, DatabaseConfig, Role, SyncConfig } from '../../../src/config/config.ts';
import { deriveOwnStreams, deriveSubscriptions } from '../../../src/config/resolve-syncs.ts';
import { quoteIdentifier } from '../../../src/postgres/identifiers.ts';
import { connectAll } from '../../../src/setup/open-sessions.ts';
import { executePlan, planSetup } from '../../../src/setup/plan.ts';
import type { Finding } from '../../../src/setup/preflight/finding.ts';
import type { TestDatabase } from '../../support/database.ts';
import type { PostgresServer } from '../../support/postgres-server.ts';

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
      conflictLog: 'keys',
      conflictWindowMs: 1_000,
      truncate: 'replicate',
      ...options,
    },
  ];
  const subscriptions = deriveSubscriptions(syncs, [...databases.keys()]);
  return {
    file: 'replicator.yaml',
    warnings: [],
    databases,
    syncs,
    subscriptions,
    ownStreams: deriveOwnStreams(subscriptions),
    apply: { batchChanges: 1, batchBytes: 1, queueBytes: 1, lockTimeoutMs: 1 },
    slots: { warnBytes: 2 ** 31, giveUpBytes: undefined },
    heartbeatMs: undefined,
    log: { level: 'info' },
    maxClockSkewMs: 500,
    conflictRetentionMs: 1,
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
    standbySlots: [],
  };
}

/** May connect, and nothing else. A role belongs to the server, so the test must drop it. */
export async function createRole(database: TestDatabase, name: string): Promise<void> {
  await database.query(`create role ${quoteIdentifier(name)} login`);
}

/** What it has in other databases must be gone before: `last` says that this is so. */
export async function dropRole(database: TestDatabase, name: string, last = true): Promise<void> {
  const role = quoteIdentifier(name);
  const drop = last ? `; drop role ${role}` : '';
  await database.query(`reassign owned by ${role} to postgres; drop owned by ${role}${drop}`);
}

export async function init(config: Config): Promise<void> {
  await using sessions = await connectAll(config, [...config.databases.keys()]);
  await executePlan(planSetup(config, sessions.byName), sessions.byName, {
    onStep: () => {},
    onWait: () => {},
  });
}

/** Slots go with their database, origins do not. */
export async function dropOrigins(server: PostgresServer): Promise<void> {
  await server.query(
    'postgres',
    `select pg_replication_origin_drop(roname) from pg_replication_origin
      where roname like 'replicator\\_%'`,
  );
}

/** `error wal-level a`: enough to tell findings apart. */
export function briefly(findings: readonly Finding[]): string[] {
  return findings.map(({ severity, check, database, table }) =>
    [severity, check, database, ...(table === undefined ? [] : [table])].join(' '),
  );
}
