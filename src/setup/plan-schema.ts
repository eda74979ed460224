// Schema `replicator` and what it says of the database that it is in.
import type { Config } from '../config/config.ts';
import { ReplicatorError } from '../model/errors.ts';
import { quoteLiteral } from '../postgres/identifiers.ts';
import { schemaExists } from '../postgres/own-schema.ts';
import { type ServerFacts, serverFacts } from '../postgres/server-facts.ts';
import type { Session } from '../postgres/session.ts';
import { schemaStatements, schemaVersion } from './schema.ts';
import { originWrapperStatements, schemaFunctions } from './schema-functions.ts';
import type { SetupStep } from './setup-step.ts';

const oldestMajor = 13;

export async function* planSchema(config: Config, session: Session): AsyncGenerator<SetupStep> {
  const { name } = session.database;
  const facts = await serverFacts(session);
  if (facts.major < oldestMajor)
    throw new ReplicatorError(
      'CONFIGURATION',
      `${name}: the server is PostgreSQL ${facts.major}, at least ${oldestMajor} is needed`,
      { hint: 'upgrade the server' },
    );
  if (facts.inRecovery)
    throw new ReplicatorError('READ_ONLY', `${name}: is a standby and cannot be written to`, {
      hint: `let databases.${name} point to the primary`,
    });
  if (!(await schemaExists(session))) yield createSchema(name, facts);
  else {
    yield* verifyInstallation(config, session, facts);
    yield* missingFunctions(session);
  }
  if (facts.major === 13 && facts.superuser && !(await wrappersExist(session)))
    yield { database: name, sql: originWrapperStatements.join(';\n') };
}

async function wrappersExist(session: Session): Promise<boolean> {
  const { found } = await session.one(
    `select (to_regproc('replicator.origin_session_setup') is not null)::text as found`,
  );
  return found === 'true';
}

/** An earlier build knew fewer of them. */
async function* missingFunctions(session: Session): AsyncGenerator<SetupStep> {
  const statements = new Map(
    schemaFunctions.map((sql) => [/ function (replicator\.\w+)\(/.exec(sql)?.[1] ?? '', sql]),
  );
  const missing = await session.query<{ name: string }>(
    'select name from unnest($1::text[]) as name where to_regproc(name) is null',
    [[...statements.keys()]],
  );
  for (const { name } of missing)
    yield { database: session.database.name, sql: statements.get(name) ?? '' };
}

// One string without parameters is one transaction: there is never half a schema.
function createSchema(name: string, facts: ServerFacts): SetupStep {
  const installation =
    'insert into replicator.installation\n' +
    '  (schema_version, database, system_identifier, database_oid) values\n' +
    `  (${schemaVersion}, ${quoteLiteral(name)}, ${quoteLiteral(facts.systemIdentifier)}, ${facts.databaseOid})`;
  return { database: name, sql: [...schemaStatements, installation].join(';\n') };
}

type Installation = Readonly<
  Record<'schema_version' | 'database' | 'system_identifier' | 'database_oid', string>
>;

async function readInstallation(session: Session): Promise<Installation> {
  return await session.one<Installation>(
    'select schema_version::text, database, system_identifier, database_oid::text from replicator.installation',
  );
}

/** Throws IDENTITY in a copy: the oids that schema replicator has may be those of other tables there. */
export async function expectOriginal(session: Session): Promise<void> {
  const facts = await serverFacts(session);
  refuseCopy(session.database.name, await readInstallation(session), facts);
}

async function* verifyInstallation(
  config: Config,
  session: Session,
  facts: ServerFacts,
): AsyncGenerator<SetupStep> {
  const { name } = session.database;
  const row = await readInstallation(session);
  if (Number(row.schema_version) > schemaVersion)
    throw new ReplicatorError(
      'CONFIGURATION',
      `${name}: schema replicator has version ${row.schema_version}, this program knows ${schemaVersion}`,
      { hint: 'run the newer version of replicator' },
    );
  refuseCopy(name, row, facts);
  if (row.database !== name) yield* rename(config, session, row.database);
}

/**
 * A clone or a restored copy carries our schema along; it must not talk to the others as if it were
 * the original.
 */
function refuseCopy(name: string, row: Installation, facts: ServerFacts): void {
  if (row.system_identifier !== facts.systemIdentifier || row.database_oid !== facts.databaseOid)
    throw new ReplicatorError(
      'IDENTITY',
      `${name}: schema replicator here was made for another cluster or database (a copy?)`,
      { hint: 'in a copy: drop schema replicator cascade, then run `replicator init`' },
    );
}

/** A target may get another name in the file; a source's slot carries its name. */
async function* rename(config: Config, session: Session, from: string): AsyncGenerator<SetupStep> {
  const { name } = session.database;
  const namesakes = await session.query('select from replicator.ranks where database = $1', [name]);
  if (namesakes.length > 0 || config.databases.has(from))
    throw new ReplicatorError(
      'CONFIGURATION',
      `${name}: this database was set up as ${from}, and ${namesakes.length > 0 ? name : from} is the name of another one`,
      { hint: `call it ${from} in the file, or by a name that no database has had` },
    );
  const slots = await session.query('select slot_name from replicator.slots');
  if (slots.length > 0)
    throw new ReplicatorError(
      'CONFIGURATION',
      `${name}: this database was set up as ${from}, and is a source under that name`,
      { hint: `call it ${from} in the file, or run \`replicator teardown\` first` },
    );
  // One transaction: halfway it would seem to have the name of another one.
  yield {
    database: name,
    sql:
      `update replicator.ranks set database = ${quoteLiteral(name)} where database = ${quoteLiteral(from)};\n` +
      `update replicator.installation set database = ${quoteLiteral(name)}`,
  };
}
