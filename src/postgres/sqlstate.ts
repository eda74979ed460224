// Which of our errors a server's or a socket's error is. Decided by SQLSTATE and errno only; what
// is not listed is not retried (https://www.postgresql.org/docs/current/errcodes-appendix.html).
import { type ErrorCode, ReplicatorError } from '../model/errors.ts';
import { tableLabel } from '../model/relation.ts';
import { quoteIdentifier } from './identifiers.ts';

const bySqlstate: Readonly<Record<string, ErrorCode>> = {
  '08P01': 'PROTOCOL',
  '3D000': 'DATABASE_MISSING',
  '25006': 'READ_ONLY',
  '25P03': 'CONNECTION_LOST',
  '28000': 'AUTHENTICATION',
  '28P01': 'AUTHENTICATION',
  '42501': 'PRIVILEGE',
  '42P01': 'SCHEMA_DRIFT',
  '42703': 'SCHEMA_DRIFT',
  '42704': 'SCHEMA_DRIFT',
  '42809': 'SCHEMA_DRIFT',
  '42P10': 'SCHEMA_DRIFT',
  '428C9': 'SCHEMA_DRIFT',
  '42804': 'SCHEMA_DRIFT',
  '42846': 'SCHEMA_DRIFT',
  '42883': 'SCHEMA_DRIFT',
  '3F000': 'SCHEMA_DRIFT',
  '0A000': 'SCHEMA_DRIFT',
  '23505': 'UNIQUE_VIOLATION',
  '23P01': 'UNIQUE_VIOLATION',
  '53300': 'TOO_MANY_CONNECTIONS',
  '55006': 'SLOT_ACTIVE',
  '55P03': 'LOCK_TIMEOUT',
  '57014': 'SERVER_BUSY',
  '57P04': 'DATABASE_MISSING',
  // Raised by our own functions in schema replicator (setup/schema-functions.ts).
  RP001: 'FENCED',
  RP002: 'UNIQUE_VIOLATION',
  RP003: 'ROWS_MISSING',
  RP004: 'BATCH_REFUSED',
  RP005: 'CLOCK_AHEAD',
  RP006: 'SERVER_BUSY',
};

const bySqlstateClass: Readonly<Record<string, ErrorCode>> = {
  '08': 'CONNECTION_LOST',
  '22': 'DATA_REJECTED',
  '23': 'DATA_REJECTED',
  // A function of the user's raised it.
  '38': 'DATA_REJECTED',
  '39': 'DATA_REJECTED',
  P0: 'DATA_REJECTED',
  '40': 'SERVER_BUSY',
  '53': 'RESOURCES',
  '54': 'DATA_REJECTED',
  '57': 'CONNECTION_LOST',
  '58': 'RESOURCES',
};

/** Where that of the code says nothing of it. */
const hintBySqlstate: Readonly<Record<string, string>> = {
  '42883': 'create the function or operator on both databases',
  '53100': 'free disk space on the server',
  '53200': 'free memory on the server, or raise max_locks_per_transaction there',
  '53400':
    'raise max_replication_slots, from 18 on for origins max_active_replication_origins, or drop what nobody uses',
  '54000': 'the value is too long for an index or a type of the target: mend the row or the table',
  '54001': 'raise max_stack_depth, or mend the trigger that calls itself',
};

// Of these the words name no more than objects, settings, sizes and files. The others quote values, or may:
// 22 and 23; 42601, 42602 and 54, as a tsquery or a jsonpath that is refused; 55P04, a label of an enum; 38, 39,
// HV, P0 and classes of their own in words of a function's author; XX000, that of extensions which give none.
const ownWords =
  /^(08|0A|0L|21|25|26|28|2B|3B|3D|3F|40|42(?!601|602)|53|55(?!P04)|57|58|F0|RP|XX001|XX002)/;

const tlsCodes =
  /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|CRL_|DEPTH_ZERO|ERROR_IN_C|HOSTNAME_MISMATCH|INVALID_|PATH_LENGTH|SELF_SIGNED|UNABLE_TO_)/;

function codeOf(error: object): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The SQLSTATE of an error that a server sent, else undefined. */
export function sqlstateOf(error: unknown): string | undefined {
  if (error instanceof ReplicatorError) return error.sqlstate;
  if (typeof error !== 'object' || error === null || !('severity' in error)) return undefined;
  return codeOf(error);
}

/**
 * A driver's error as ours. `where` names the database and what was being done there. The server's
 * words are kept only where they never quote row values; DETAIL never is.
 */
export function fromPostgres(error: unknown, where: string): ReplicatorError {
  if (error instanceof ReplicatorError) return error;
  if (!(error instanceof Error)) return new ReplicatorError('INTERNAL', `${where}: ${error}`);
  const sqlstate = sqlstateOf(error);
  if (sqlstate !== undefined) {
    const code = codeFor(error, sqlstate);
    const isSafe = speaksForItself(error, sqlstate);
    const said = isSafe ? error.message : describe(error);
    const hint = remedy(error, sqlstate) ?? hintBySqlstate[sqlstate];
    return new ReplicatorError(code, `${where}: ${said} (SQLSTATE ${sqlstate})`, {
      cause: isSafe ? error : undefined,
      sqlstate,
      ...(hint !== undefined && { hint }),
    });
  }
  const code = codeOf(error);
  if (code !== undefined && tlsCodes.test(code))
    return new ReplicatorError('TLS', `${where}: ${error.message}`, { cause: error });
  // Of a connection that there was; what it means for one that is being made, connectError says.
  const isBroken = code === 'ECONNRESET' || code === 'EPIPE';
  if (code !== undefined && /^E(AI_)?[A-Z]+$/.test(code) && !isBroken)
    return new ReplicatorError('UNREACHABLE', `${where}: ${error.message || code}`, {
      cause: error,
    });
  return new ReplicatorError('CONNECTION_LOST', `${where}: ${error.message}`, { cause: error });
}

/** A state of its own that a function of a user's raises is no bug of ours. */
function codeFor(error: Error, sqlstate: string): ErrorCode {
  if (isOfPublication(error)) return 'REPLICA_IDENTITY';
  const code = bySqlstate[sqlstate] ?? bySqlstateClass[sqlstate.slice(0, 2)];
  return code ?? (isOfUsersFunction(error) ? 'DATA_REJECTED' : 'INTERNAL');
}

/** Whether it is in words of the server's own, or of ours, that have no row values. */
function speaksForItself(error: Error, sqlstate: string): boolean {
  return ownWords.test(sqlstate) && !isOfUsersFunction(error);
}

/** What language it is in is told in any locale: `PL/pgSQL function public.complain() line 1 at RAISE`. */
function isOfUsersFunction(error: Error): boolean {
  const { where } = error as { where?: string };
  return (where ?? '')
    .split('\n')
    .some((line) => line.includes('PL/') && !line.includes('replicator.'));
}

function describe(error: Error): string {
  const facts = error as { schema?: string; table?: string; column?: string; constraint?: string };
  const table = facts.table === undefined ? undefined : `table ${facts.schema}.${facts.table}`;
  const parts = [
    table,
    facts.column === undefined ? undefined : `column ${facts.column}`,
    facts.constraint === undefined ? undefined : `constraint ${facts.constraint}`,
  ].filter((part) => part !== undefined);
  return parts.length === 0
    ? 'refused, the log of the server says why'
    : `a row was refused by ${parts.join(', ')}`;
}

/** What only some of those of a state are mended by. */
function remedy(error: Error, sqlstate: string): string | undefined {
  if (isOfPublication(error))
    return 'a publication on this database sends the table on: give it a replica identity here too, or take it out of that publication';
  if (error.message.includes('temp_file_limit'))
    return 'raise temp_file_limit or work_mem for the role';
  return unfilled(error, sqlstate) ?? unhashable(error) ?? notFound(error, sqlstate);
}

/**
 * Only we hash what a unique index is over (key-hash.ts), where several sources write to the table. The server names
 * the type, in any locale by such a routine, but not the index.
 */
function unhashable(error: Error): string | undefined {
  const { routine } = error as { routine?: string };
  if (!/^hash_\w+_extended$/.test(routine ?? '') || isOfUsersFunction(error)) return undefined;
  return 'with several sources no unique index may be over such a type: `replicator check` names the index; drop it, or write to the table on one database only';
}

/** A table that is published here as well must have an identity for what we do to it. */
function isOfPublication(error: Error): boolean {
  return (error as { routine?: string }).routine === 'CheckCmdReplicaIdentity';
}

/** What a function of a user's calls by a name without a schema: also one in an index, a CHECK or a trigger. */
function notFound(error: Error, sqlstate: string): string | undefined {
  const { where = '' } = error as { where?: string };
  const isOfFunction = where !== '' && !where.includes('replicator.');
  if (!isOfFunction || !/^(42P01|42883)$/.test(sqlstate)) return undefined;
  return 'a function of yours does not find what it names: search_path is empty here, so alter function … set search_path = …; the log of the server says which';
}

/** A column that must not be null and got no value: mostly it is one that the source has no more. */
function unfilled(error: Error, sqlstate: string): string | undefined {
  const { schema, table, column } = error as { schema?: string; table?: string; column?: string };
  if (sqlstate !== '23502' || schema === undefined || table === undefined || column === undefined)
    return undefined;
  const name = tableLabel({ schema, name: table });
  return `alter table ${name} alter column ${quoteIdentifier(column)} drop not null`;
}
