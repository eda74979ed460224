import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../../src/model/errors.ts';
import { fromPostgres, sqlstateOf } from '../../../src/postgres/sqlstate.ts';

function serverError(sqlstate: string, facts: object = {}): Error {
  return Object.assign(new Error('the server said "secret"'), {
    code: sqlstate,
    severity: 'ERROR',
    detail: 'Key (id)=(secret) already exists.',
    ...facts,
  });
}

test.each<[string, ErrorCode]>([
  ['08006', 'CONNECTION_LOST'],
  ['08P01', 'PROTOCOL'],
  ['22001', 'DATA_REJECTED'],
  ['22P02', 'DATA_REJECTED'],
  ['23502', 'DATA_REJECTED'],
  ['23505', 'UNIQUE_VIOLATION'],
  ['23P01', 'UNIQUE_VIOLATION'],
  ['23514', 'DATA_REJECTED'],
  ['25006', 'READ_ONLY'],
  ['25P03', 'CONNECTION_LOST'],
  ['28P01', 'AUTHENTICATION'],
  ['28000', 'AUTHENTICATION'],
  ['3D000', 'DATABASE_MISSING'],
  ['40001', 'SERVER_BUSY'],
  ['40P01', 'SERVER_BUSY'],
  ['42501', 'PRIVILEGE'],
  ['42703', 'SCHEMA_DRIFT'],
  ['38000', 'DATA_REJECTED'],
  ['39P01', 'DATA_REJECTED'],
  ['42883', 'SCHEMA_DRIFT'],
  ['42P01', 'SCHEMA_DRIFT'],
  ['53100', 'RESOURCES'],
  ['53400', 'RESOURCES'],
  ['54000', 'DATA_REJECTED'],
  ['54001', 'DATA_REJECTED'],
  ['58030', 'RESOURCES'],
  ['53300', 'TOO_MANY_CONNECTIONS'],
  ['55006', 'SLOT_ACTIVE'],
  ['55P03', 'LOCK_TIMEOUT'],
  ['57014', 'SERVER_BUSY'],
  ['57P01', 'CONNECTION_LOST'],
  ['57P03', 'CONNECTION_LOST'],
  ['57P04', 'DATABASE_MISSING'],
  ['P0001', 'DATA_REJECTED'],
  ['RP001', 'FENCED'],
  ['RP002', 'UNIQUE_VIOLATION'],
  ['RP003', 'ROWS_MISSING'],
  ['RP004', 'BATCH_REFUSED'],
  ['42P10', 'SCHEMA_DRIFT'],
  ['428C9', 'SCHEMA_DRIFT'],
  ['42809', 'SCHEMA_DRIFT'],
  // unknown means stop
  ['XX000', 'INTERNAL'],
  ['42601', 'INTERNAL'],
  ['25P02', 'INTERNAL'],
  ['ZZ999', 'INTERNAL'],
])('%s is %s', (sqlstate, code) => {
  const error = fromPostgres(serverError(sqlstate), 'b (apply)');
  expect(error).toMatchObject({ code, sqlstate });
  expect(error.message).toMatch(/^b \(apply\): .* \(SQLSTATE \w{5}\)$/);
});

test.each([
  ['53100', 'free disk space'],
  ['53200', 'max_locks_per_transaction'],
  ['53300', 'max_wal_senders'],
  ['53400', 'max_replication_slots'],
  ['54000', 'too long for an index'],
  ['23505', 'holds the same unique value'],
])('what mends %s: %s', (sqlstate, hint) => {
  expect(fromPostgres(serverError(sqlstate), 'b').hint).toContain(hint);
});

test.each(['42883', '42P01'])(
  '%s in a function of a user is due to its search_path',
  (sqlstate) => {
    for (const where of ['PL/pgSQL function public.f() line 1 at RETURN', 'SQL function "f"'])
      expect(fromPostgres(serverError(sqlstate, { where }), 'b').hint).toContain('set search_path');
    expect(fromPostgres(serverError(sqlstate), 'b').hint).not.toContain('search_path');
  },
);

test('a table that is published on the target too needs an identity there', () => {
  const error = fromPostgres(serverError('55000', { routine: 'CheckCmdReplicaIdentity' }), 'b');
  expect(error).toMatchObject({ code: 'REPLICA_IDENTITY', retry: 'manual' });
  expect(error.hint).toContain('publication on this database');
});

test('a limit of temporary files is none of slots', () => {
  const error = Object.assign(serverError('53400'), {
    message: 'temporary file size exceeds "temp_file_limit" (0kB)',
  });
  expect(fromPostgres(error, 'b').hint).toBe('raise temp_file_limit or work_mem for the role');
});

test('a state that only a function of a user has is no bug of ours', () => {
  const where = 'PL/pgSQL function public.complain() line 1 at RAISE';
  expect(fromPostgres(serverError('MY001', { where }), 'b').code).toBe('DATA_REJECTED');
});

describe('row values', () => {
  test.each([
    ...['22001', '22P02', '23505', '23514', '44000', '42601', '42602', '54000', '55P04'],
    ...['P0001', '38000', '39P01', 'HV000', 'MY001', 'XX000'],
  ])('%s: are never repeated', (sqlstate) => {
    const facts = { schema: 'public', table: 't', column: 'c', constraint: 't_pkey' };
    const error = fromPostgres(serverError(sqlstate, facts), 'b (apply)');
    expect(JSON.stringify({ message: error.message, cause: error.cause })).not.toContain('secret');
    expect(error.message).toContain('table public.t, column c, constraint t_pkey');
  });

  test.each([
    'PL/pgSQL function public.complain() line 1 at RAISE',
    'PL/pgSQL-Funktion public.complain() Zeile 1 bei RAISE\nSQL-Anweisung "select 1"',
    'PL/Python function "complain"',
  ])('nor what a function of a user says under a state of the server: %s', (where) => {
    const error = fromPostgres(serverError('40001', { where }), 'b');
    expect(error.message).toBe('b: refused, the log of the server says why (SQLSTATE 40001)');
    expect(error.cause).toBeUndefined();
  });

  test('an error that names nothing still says what it is', () => {
    expect(fromPostgres(serverError('22003'), 'b').message).toBe(
      'b: refused, the log of the server says why (SQLSTATE 22003)',
    );
  });
});

describe('what the server says in words of its own is kept', () => {
  test.each([
    ...['08006', '0A000', '25006', '28000', '3D000', '3F000', '40P01', '42P01', '42501'],
    ...['53400', '55000', '55006', '57014', '58030', 'F0000', 'RP001', 'XX001'],
  ])('%s', (sqlstate) => {
    expect(fromPostgres(serverError(sqlstate), 'b').message).toBe(
      `b: the server said "secret" (SQLSTATE ${sqlstate})`,
    );
  });

  test.each([
    'PL/pgSQL function replicator.refuse_progress(text,pg_lsn) line 3 at RAISE',
    'slot "s", output plugin "pgoutput", in the change callback, associated LSN 0/1',
  ])('with %s', (where) => {
    expect(fromPostgres(serverError('RP001', { where }), 'b').message).toContain('secret');
  });
});

test.each<[string, ErrorCode]>([
  ['ECONNREFUSED', 'UNREACHABLE'],
  ['ECONNRESET', 'CONNECTION_LOST'],
  ['EPIPE', 'CONNECTION_LOST'],
  ['ENOTFOUND', 'UNREACHABLE'],
  ['ETIMEDOUT', 'UNREACHABLE'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'TLS'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'TLS'],
  ['CERT_HAS_EXPIRED', 'TLS'],
])('%s of a socket is %s', (code, expected) => {
  const error = Object.assign(new Error('failed'), { code });
  expect(fromPostgres(error, 'b').code).toBe(expected);
  expect(sqlstateOf(error)).toBeUndefined();
});

test('words of the driver without any code are a lost connection', () => {
  expect(fromPostgres(new Error('Connection terminated'), 'b').code).toBe('CONNECTION_LOST');
});

test('what is ours stays, and what is no error stops', () => {
  const error = fromPostgres(serverError('40001'), 'b');
  expect(fromPostgres(error, 'c')).toBe(error);
  expect(sqlstateOf(error)).toBe('40001');
  expect(fromPostgres('text', 'b').code).toBe('INTERNAL');
});
