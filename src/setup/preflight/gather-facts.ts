// Asks every database at once; one that does not answer takes nothing away from the others.
import PQueue from 'p-queue';
import type { Config, DatabaseConfig } from '../../config/config.ts';
import { asReplicatorError, type ReplicatorError } from '../../model/errors.ts';
import { serverFacts } from '../../postgres/server-facts.ts';
import { Session } from '../../postgres/session.ts';
import { carryTables } from './carried-tables.ts';
import type { DatabaseFacts } from './database-facts.ts';
import type { PreflightFacts } from './facts.ts';
import { readClock } from './read/read-clock.ts';
import { readConnection } from './read/read-connection.ts';
import { readEnums } from './read/read-enums.ts';
import { readFilled } from './read/read-filled.ts';
import { readLargeObjects } from './read/read-large-objects.ts';
import { readOwnSchema, readOwnState } from './read/read-own-schema.ts';
import { readPublications } from './read/read-publications.ts';
import { readRelations } from './read/read-relations.ts';
import { readRole } from './read/read-role.ts';
import { readServer } from './read/read-server.ts';
import { readSubscriptions } from './read/read-subscriptions.ts';
import { readTables } from './read/read-tables.ts';
import { oldestMajor } from './supported-versions.ts';

export interface GatherOptions {
  /** This host's clock in ms since 1970. Default Date.now. */
  readonly now?: () => number;
  /** Only these are asked; of the others nothing is known then. Default all. */
  readonly databases?: readonly string[];
}

// Enough for every mesh that a person can overlook; a bound, so that a typing error is none.
const mostAtOnce = 32;
const replyTimeoutMs = 20_000;
// A lock that somebody holds on a sequence must not hold up the answer about all the rest.
const settings = { lock_timeout: '5s', statement_timeout: '15s' };

/** Never throws because of a database: what went wrong with one is among the facts. */
export async function gatherFacts(
  config: Config,
  { now = Date.now, databases: names = [...config.databases.keys()] }: GatherOptions = {},
): Promise<PreflightFacts> {
  const versions = new Map<string, number>();
  const databases = new Map<string, DatabaseFacts>();
  const unavailable = new Map<string, ReplicatorError>();
  const queue = new PQueue({ concurrency: mostAtOnce });
  const asked = [...config.databases.values()].filter(({ name }) => names.includes(name));
  await queue.addAll(
    asked.map((database) => async () => {
      try {
        const { version, facts } = await gatherDatabase(database, config, now);
        versions.set(database.name, version);
        if (facts !== undefined) databases.set(database.name, facts);
      } catch (error) {
        unavailable.set(database.name, asReplicatorError(error));
      }
    }),
  );
  return assembleFacts(config, { versions, databases, unavailable });
}

type Gathered = Pick<PreflightFacts, 'versions' | 'databases' | 'unavailable'>;

/** Answers come in any order; what is found is told in the file's. */
export function assembleFacts(config: Config, gathered: Gathered): PreflightFacts {
  const inOrder = <T>(found: ReadonlyMap<string, T>): Map<string, T> =>
    new Map([...config.databases.keys()].flatMap((name) => [...found].filter(([n]) => n === name)));
  const databases = inOrder(gathered.databases);
  return {
    config,
    versions: inOrder(gathered.versions),
    databases,
    unavailable: inOrder(gathered.unavailable),
    ...carryTables(config, databases),
  };
}

interface Answer {
  readonly version: number;
  /** Undefined when the server is too old to be asked. */
  readonly facts: DatabaseFacts | undefined;
}

async function gatherDatabase(
  database: DatabaseConfig,
  config: Config,
  now: () => number,
): Promise<Answer> {
  const { name } = database;
  const options = { purpose: 'setup', name, replyTimeoutMs, settings } as const;
  await using session = await Session.connect(database, options);
  const identity = await serverFacts(session);
  const { version, major } = identity;
  if (major < oldestMajor) return { version, facts: undefined };
  const relgroups = config.syncs
    .filter(({ members }) => members.has(name))
    .map(({ relgroup }) => relgroup);
  const relations = await readRelations(session, relgroups);
  const schema = await readOwnSchema(session);
  const tables = await readTables(session, relations.publishable);
  const facts: DatabaseFacts = {
    name,
    config: database,
    identity,
    connection: await readConnection(session),
    clock: await readClock(session, now),
    server: await readServer(session),
    role: await readRole(session, major),
    schema,
    state: await readOwnState(session, schema),
    publications: await readPublications(session, major),
    subscriptions: await readSubscriptions(session),
    tables,
    filled: await readFilled(session, config, [...tables.values()]),
    otherRelations: relations.others,
    largeObjects: await readLargeObjects(session),
    enums: await readEnums(session),
  };
  return { version, facts };
}
