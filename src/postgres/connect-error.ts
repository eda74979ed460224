// Why a connection could not be made, and what a person can do about it.
import type { DatabaseConfig } from '../config/config.ts';
import { formatDuration } from '../config/units.ts';
import { type ErrorCode, ReplicatorError } from '../model/errors.ts';
import { quoteIdentifier } from './identifiers.ts';
import { fromPostgres } from './sqlstate.ts';

interface Refusal {
  readonly code: ErrorCode;
  readonly hint?: string;
  /** Instead of the words of the driver. */
  readonly what?: string;
}

/** A failed connection attempt as our error. */
export function connectError(error: unknown, database: DatabaseConfig): ReplicatorError {
  const { name, host, port, dbname } = database;
  const where = `${name} (${host}:${port}/${dbname})`;
  const ours = fromPostgres(error, where);
  const { sqlstate } = ours;
  const refusal = refusalOf(ours, error, database);
  if (refusal === undefined) return ours;
  const { code, hint, what } = refusal;
  return new ReplicatorError(code, what === undefined ? ours.message : `${where}: ${what}`, {
    cause: error,
    sqlstate,
    ...(hint !== undefined && { hint }),
  });
}

function refusalOf(
  ours: ReplicatorError,
  error: unknown,
  database: DatabaseConfig,
): Refusal | undefined {
  if (ours.sqlstate !== undefined) return serverRefusal(ours, database);
  if (ours.code === 'TLS') return tlsRefusal(error, database);
  return ours.code === 'CONNECTION_LOST' ? driverRefusal(error, database) : undefined;
}

function serverRefusal(
  { code, sqlstate }: ReplicatorError,
  { dbname, user }: DatabaseConfig,
): Refusal | undefined {
  const on = quoteIdentifier(dbname);
  switch (sqlstate) {
    case '08P01':
      return {
        code: 'CONFIGURATION',
        hint: 'connect directly to PostgreSQL, not through a pooler such as PgBouncer',
      };
    // No such role, not permitted to log in, or no line of pg_hba.conf for it.
    case '28000':
      return {
        code,
        hint: `may the role log in, and does pg_hba.conf let it: host ${on} ${quoteIdentifier(user)} <address of this host> scram-sha-256`,
      };
    // The database refuses everybody; the very same state means other things later.
    case '55000':
      return { code: 'DATABASE_MISSING', hint: `alter database ${on} allow_connections true` };
    default:
      return code === 'CONNECTION_LOST' ? { code: 'UNREACHABLE' } : undefined;
  }
}

/** The driver's own errors have no code. */
function driverRefusal(error: unknown, { connectTimeoutMs }: DatabaseConfig): Refusal {
  const { message: said, code } = originalOf(error);
  if (said.includes('does not support SSL'))
    return {
      code: 'TLS',
      what: 'the server has no TLS, which sslmode demands',
      hint: 'set ssl = on at the server; sslmode: disable sends everything readable',
    };
  if (/^SASL|authentication/.test(said))
    return {
      code: 'AUTHENTICATION',
      what: `authentication failed: ${said}`,
      hint: 'let pg_hba.conf ask for scram-sha-256, md5, password, cert or trust',
    };
  if (said === 'timeout expired') {
    const limit = formatDuration(connectTimeoutMs);
    return { code: 'UNREACHABLE', what: `no answer within ${limit} (connect_timeout)` };
  }
  const strange = {
    code: 'UNREACHABLE',
    hint: 'is it PostgreSQL that listens there, and is it up?',
  } as const;
  if (said.includes('establishing an SSL'))
    return { ...strange, what: 'the answer is not that of a PostgreSQL server' };
  const isClosed =
    code === 'ECONNRESET' || code === 'EPIPE' || /^connection (closed|terminated)/i.test(said);
  return { ...strange, what: isClosed ? 'the connection was closed before it was ready' : said };
}

/** A stream of changes has made it one of ours already. */
function originalOf(error: unknown): Error & { code?: unknown } {
  const original = error instanceof ReplicatorError ? error.cause : error;
  return original instanceof Error ? original : new Error('connection closed');
}

/** https://nodejs.org/api/tls.html#x509-certificate-error-codes */
function tlsRefusal(error: unknown, { host, sslrootcert }: DatabaseConfig): Refusal | undefined {
  const { code, cert } = error as { code?: string; cert?: { subjectaltname?: string } };
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return {
        code: 'TLS',
        what: `the certificate of the server is for ${cert?.subjectaltname ?? 'no host name'}, not for ${host}`,
        hint: 'connect by a name in the certificate, or check only its authority with sslmode: verify-ca',
      };
    case 'CERT_HAS_EXPIRED':
      return {
        code: 'TLS',
        what: 'the certificate of the server, or of its authority, has expired',
        hint: 'renew it',
      };
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return {
        code: 'TLS',
        what: `the certificate of the server was not issued by an authority ${sslrootcert === undefined ? 'that Node.js trusts' : `of ${sslrootcert}`}`,
        hint: 'set sslrootcert to the file with the certificate of its authority',
      };
    default:
      return undefined;
  }
}
