// Two databases with which nothing is wrong, and ways to make something wrong with them.
import type { Config, Role, SyncConfig } from '../../../../src/config/config.ts';
import { deriveOwnStreams, deriveSubscriptions } from '../../../../src/config/resolve-syncs.ts';
import type { ReplicatorError } from '../../../../src/model/errors.ts';
import { tableLabel } from '../../../../src/model/relation.ts';
import type { DatabaseFacts } from '../../../../src/setup/preflight/database-facts.ts';
import type { PreflightFacts } from '../../../../src/setup/preflight/facts.ts';
import type { Problem } from '../../../../src/setup/preflight/finding.ts';
import { assembleFacts } from '../../../../src/setup/preflight/gather-facts.ts';
import type { SequenceFacts } from '../../../../src/setup/preflight/read/read-sequences.ts';
import type { TableFacts } from '../../../../src/setup/preflight/read/read-tables.ts';

type Changes<T> = { readonly [K in keyof T]?: Partial<T[K]> };

/** A database with which nothing is wrong, but for the changes, which go into its parts. */
export function database(name: string, changes: Changes<DatabaseFacts> = {}): DatabaseFacts {
  const facts: DatabaseFacts = {
    name,
    config: {
      name,
      host: `${name}.example.com`,
      port: 5432,
      dbname: `db ${name}`,
      user: 'r',
      password: async () => undefined,
      sslmode: 'verify-full',
      sslrootcert: undefined,
      sslcert: undefined,
      sslkey: undefined,
      connectTimeoutMs: 1,
      standbySlots: [],
    },
    identity: {
      version: 180_004,
      major: 18,
      systemIdentifier: `system of ${name}`,
      databaseOid: '16384',
      timeline: 1n,
      inRecovery: false,
      walFlushLsn: 0n,
      superuser: false,
    },
    connection: {
      announcedPid: 7,
      answeringPids: [7, 7],
      applicationName: `replicator/${name}/setup`,
      serverPort: 5432,
    },
    clock: { offsetMs: 0, uncertaintyMs: 1 },
    server: {
      startedAt: `start of ${name}`,
      readOnly: false,
      encoding: 'UTF8',
      walLevel: 'logical',
      trackCommitTimestamp: true,
      synchronousStandbyNames: '',
      walSenderTimeout: '1min',
      maxSlotWalKeepSize: '10GB',
      idleReplicationSlotTimeout: '0',
      maxReplicationSlots: 10,
      maxWalSenders: 10,
      maxOrigins: 10,
      slotsInUse: 0,
      walSendersInUse: 0,
      ourWalSenders: 0,
      origins: [],
      standbys: 0,
      physicalSlots: [],
      connectedStandbySlots: [],
      synchronizedStandbySlots: '',
      slot: undefined,
    },
    role: {
      name: 'r',
      superuser: false,
      replication: true,
      inherits: true,
      createsInDatabase: true,
      becomesReplica: true,
      originFunctions: [],
    },
    schema: undefined,
    state: undefined,
    publications: { own: undefined, ofAllTables: [] },
    subscriptions: [],
    tables: new Map(),
    filled: new Set(),
    otherRelations: [],
    largeObjects: false,
    enums: new Map(),
  };
  const parts = Object.entries(changes).map(([part, change]) => {
    const before = facts[part as keyof DatabaseFacts];
    const isPlain = typeof before === 'object' && !(before instanceof Map || Array.isArray(before));
    return [part, isPlain ? { ...before, ...(change as object) } : change];
  });
  return { ...facts, ...Object.fromEntries(parts) };
}

export function table(name: string, changes: Partial<TableFacts> = {}): TableFacts {
  return {
    oid: '1',
    shape: '',
    schema: 'public',
    name,
    kind: 'a table',
    owner: 'owner',
    ownerIsSuperuser: false,
    owned: true,
    schemaUsage: true,
    privileges: ['select', 'insert', 'update', 'delete', 'truncate'],
    rowSecurity: false,
    rowSecurityForced: false,
    partitioned: false,
    replicaIdentity: 'default',
    columns: [],
    keys: [
      {
        indexName: `${name}_pkey`,
        primary: true,
        immediate: true,
        replicaIdentity: false,
        columns: ['id'],
        operators: [],
        hashes: [],
        collations: [],
      },
    ],
    uniques: [],
    changed: false,
    firing: [],
    rules: [],
    referencedBy: [],
    foreignSequences: [],
    keylessPartitions: [],
    otherPartitions: [],
    uniqueIndexes: [],
    unhashableColumns: [],
    sequences: [],
    ...changes,
  };
}

export function tables(...all: TableFacts[]): Map<string, TableFacts> {
  return new Map(all.map((each) => [tableLabel(each), each]));
}

export function sequence(changes: Partial<SequenceFacts> = {}): SequenceFacts {
  return {
    schema: 'public',
    name: 's',
    column: 'id',
    increment: 1n,
    min: 1n,
    max: 2n ** 63n - 1n,
    cycles: false,
    next: 1n,
    ...changes,
  };
}

export type Members = Readonly<Record<string, Role>>;

export function sync(members: Members, changes: Partial<SyncConfig> = {}): SyncConfig {
  return {
    name: 's',
    relgroup: { name: 'r', tables: ['*.*'], exclude: [] },
    dbgroup: 'g',
    members: new Map(Object.entries(members)),
    initialCopy: 'none',
    conflict: 'latest',
    conflictLog: 'keys',
    conflictWindowMs: 1_000,
    truncate: 'replicate',
    ...changes,
  };
}

interface Parts {
  readonly syncs: readonly SyncConfig[];
  readonly versions?: ReadonlyMap<string, number>;
  readonly unavailable?: ReadonlyMap<string, ReplicatorError>;
}

/** The syncs' members that are not among the databases did not answer. */
export function factsOf(databases: readonly DatabaseFacts[], parts: Parts): PreflightFacts {
  const names = [...new Set(parts.syncs.flatMap(({ members }) => [...members.keys()]))];
  const subscriptions = deriveSubscriptions(parts.syncs, names);
  const config: Config = {
    file: 'replicator.yaml',
    warnings: [],
    databases: new Map(names.map((name) => [name, database(name).config])),
    syncs: parts.syncs,
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
  return assembleFacts(config, {
    versions: parts.versions ?? new Map(),
    databases: new Map(databases.map((each) => [each.name, each])),
    unavailable: parts.unavailable ?? new Map(),
  });
}

export function oneWay(a: DatabaseFacts, b: DatabaseFacts): PreflightFacts {
  return factsOf([a, b], { syncs: [sync({ [a.name]: 'source', [b.name]: 'target' })] });
}

export function bothWays(a: DatabaseFacts, b: DatabaseFacts): PreflightFacts {
  return factsOf([a, b], { syncs: [sync({ [a.name]: 'source', [b.name]: 'source' })] });
}

/** `error: a: wal_level is …` */
export function told(problems: readonly Problem[]): string[] {
  return problems.map(({ severity, message }) => `${severity}: ${message}`);
}
