// The closed list of what can go wrong: every failure is one of these codes, and the table says
// whether to try again, with which exit code a command ends, and what a person can do.

/** `timed`: again with back-off, for ever. `manual`: stop until a person has mended it. */
export type Retry = 'timed' | 'manual';

interface ErrorKind {
  readonly retry: Retry;
  /** sysexits-like process exit code of a command that ends with this error. */
  readonly exitCode: number;
  readonly hint: string;
}

const kind = (retry: Retry, exitCode: number, hint: string): ErrorKind => ({
  retry,
  exitCode,
  hint,
});

export const errorKinds = {
  USAGE: kind('manual', 64, 'see `replicator --help`'),
  CONFIGURATION: kind('manual', 78, 'correct the configuration file'),

  UNREACHABLE: kind('timed', 69, 'is the server up, and host, port and network right?'),
  CONNECTION_LOST: kind('timed', 69, 'the connection is made again by itself'),
  TOO_MANY_CONNECTIONS: kind(
    'timed',
    69,
    'raise max_connections, or max_wal_senders, or close idle sessions',
  ),
  AUTHENTICATION: kind('manual', 77, 'check user, password and pg_hba.conf'),
  DATABASE_MISSING: kind('manual', 78, 'create the database or correct dbname'),
  TLS: kind('manual', 78, 'check sslmode, sslrootcert and the server certificate'),
  PRIVILEGE: kind('manual', 77, 'run `replicator check --print-grants` and execute what it prints'),

  SERVER_BUSY: kind('timed', 75, 'the server asked to try again'),
  LOCK_TIMEOUT: kind('timed', 75, 'another session holds a lock; the batch is tried again'),
  RESOURCES: kind('timed', 75, 'the server lacks something, or its disk fails: see its log'),
  READ_ONLY: kind('timed', 75, 'the server is read-only or a standby; it must accept writes'),

  SLOT_ACTIVE: kind('timed', 75, 'another session uses this slot or origin; it is waited for'),
  SLOT_MISSING: kind('manual', 78, 'changes since then are gone: `replicator resync` its targets'),
  SLOT_LOST: kind('manual', 78, 'WAL it needed was removed: `replicator resync` its targets'),
  IDENTITY: kind('manual', 78, 'this is not the database that was set up under this name'),
  GAP: kind('manual', 78, 'source and target no longer meet: `replicator resync` the target'),
  GIVEN_UP: kind('manual', 78, 'fill the target anew: `replicator resync`'),
  FENCED: kind('timed', 75, 'another replicator has taken the source over; this one stands by'),

  CLOCK_AHEAD: kind('timed', 75, 'a clock is wrong: set that of the source, or of the target'),
  ROWS_MISSING: kind('timed', 75, 'the transaction is applied again with more care'),
  BATCH_REFUSED: kind('timed', 75, 'it is tried once more, by what the tables are now'),
  NOT_SET_UP: kind('manual', 78, 'run `replicator init`'),
  SCHEMA_DRIFT: kind('manual', 78, 'make the table the same on both databases'),
  REPLICA_IDENTITY: kind('manual', 78, 'give the table a primary key on both databases'),
  PUBLICATION_CHANGED: kind(
    'manual',
    78,
    'the publication was recreated: `replicator resync` its targets',
  ),
  COPY_REFUSED: kind('manual', 78, 'empty the table, or choose another initial_copy'),
  DATA_REJECTED: kind('manual', 70, 'the target refused a value; mend the row or the table'),
  CONFLICT: kind('manual', 70, 'see `replicator conflicts`, then `replicator conflicts resolve`'),
  UNIQUE_VIOLATION: kind('manual', 70, 'another row of the target holds the same unique value'),
  VALUE_TOO_LARGE: kind('manual', 78, 'over 100 MB only a copy brings it: `replicator resync`'),
  TRUNCATE_REFUSED: kind('manual', 78, 'set `truncate: replicate` or `ignore` for the sync'),

  TIMEOUT: kind('timed', 75, 'raise --timeout, or see `replicator status` for what is behind'),
  PROTOCOL: kind('manual', 70, 'the server sent something unknown: please report it'),
  INTERNAL: kind('manual', 70, 'this is a bug: please report it with the log'),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorKinds;

/**
 * The only error that we throw on purpose. `message` says what and where in one line, without row
 * values and without secrets; `hint` (default from the table) says how to mend it.
 */
export class ReplicatorError extends Error {
  override readonly name = 'ReplicatorError';
  readonly code: ErrorCode;
  readonly hint: string;
  /** The server's five-character SQLSTATE where it was the server that refused. */
  readonly sqlstate: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; hint?: string; sqlstate?: string | undefined } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? errorKinds[code].hint;
    this.sqlstate = options.sqlstate;
  }

  get retry(): Retry {
    return errorKinds[this.code].retry;
  }

  get exitCode(): number {
    return errorKinds[this.code].exitCode;
  }
}

/** The place of a target on its source is gone. */
export function givenUpError(subscription: string): ReplicatorError {
  return new ReplicatorError(
    'GIVEN_UP',
    `${subscription}: too far behind: its source has given its place up (slots.give_up_at, or max_slot_wal_keep_size there)`,
  );
}

/** Anything that was thrown, as a ReplicatorError: what we do not know is INTERNAL and stops. */
export function asReplicatorError(error: unknown): ReplicatorError {
  if (error instanceof ReplicatorError) return error;
  const what = error instanceof Error ? error.message : String(error);
  return new ReplicatorError('INTERNAL', what, { cause: error });
}
