// docs/reference/errors.md, made from the error table, so that it cannot fall behind it.
import { type ErrorCode, errorKinds } from '../src/model/errors.ts';

/** What each code says has happened. A code without a sentence does not compile. */
const meanings: Readonly<Record<ErrorCode, string>> = {
  USAGE: 'The command line was not understood.',
  CONFIGURATION: 'The file is wrong, or a server is not as the file or this program needs it.',
  UNREACHABLE: 'No connection could be made.',
  CONNECTION_LOST: 'A connection broke, or nothing was heard on it for too long.',
  TOO_MANY_CONNECTIONS: 'The server has no connection left for us.',
  AUTHENTICATION: 'The server refused the role or its password.',
  DATABASE_MISSING: 'The server has no database of that name.',
  TLS: 'An encrypted connection could not be made, or the server could not prove its name.',
  PRIVILEGE: 'The role may not do what replication needs.',
  SERVER_BUSY: 'A deadlock, a serialization failure or a cancelled statement.',
  LOCK_TIMEOUT: 'A batch waited longer than `apply.lock_timeout` for a lock on the target.',
  RESOURCES:
    'The server is out of disk space, memory or another resource, or cannot read or write a file.',
  READ_ONLY: 'The server is a standby, or is set to read-only.',
  SLOT_ACTIVE: 'A slot or an origin of ours is in use by another session.',
  SLOT_MISSING: 'The slot was created once, and is gone.',
  SLOT_LOST: 'The server invalidated the slot, because WAL that it needs was removed.',
  IDENTITY:
    'Another cluster or database answers than the one that was set up, or something there has a name of ours and is not ours.',
  GAP: 'The target stands before the position that the slot was confirmed to, or its progress is gone.',
  GIVEN_UP:
    'The target was so far behind that its source does not keep its place any more (`slots.give_up_at`).',
  FENCED:
    'The progress on the target is not where this process left it, or belongs to a later owner.',
  BATCH_REFUSED:
    'A target refused a batch of several transactions, or one whose tables were altered meanwhile.',
  CLOCK_AHEAD:
    'A commit of a source lies more than 5 s in the future of the clock of a target that others write to.',
  ROWS_MISSING: 'A set-based statement did not find all of its rows on the target.',
  NOT_SET_UP: 'Schema `replicator`, or the slot, is not there yet.',
  SCHEMA_DRIFT: 'A table, column or function is missing on the target, or is of another type.',
  REPLICA_IDENTITY: 'An UPDATE or DELETE arrived for a table whose rows cannot be found by a key.',
  PUBLICATION_CHANGED: 'The publication was dropped or recreated after the slot was made.',
  COPY_REFUSED: 'The initial copy would mix with rows that are already there.',
  DATA_REJECTED:
    'The target refused a row: a constraint, a trigger, a limit, or a value out of range.',
  CONFLICT: 'Two databases changed a row, and the sync says `conflict: pause`.',
  UNIQUE_VIOLATION: 'Another row of the target holds a value that must be unique.',
  VALUE_TOO_LARGE: 'One value is larger than 100 MB.',
  TRUNCATE_REFUSED: 'A table was truncated on the source, and the sync says `truncate: refuse`.',
  TIMEOUT: '`replicator wait` gave up.',
  PROTOCOL: 'The server sent a message that this program does not know.',
  INTERNAL: 'Something that was not thought of, a SQLSTATE that is not listed among others.',
};

const head = `# Errors

Made by \`npm run generate\` from \`src/model/errors.ts\`; do not edit.

Every failure has one of these codes. It is in the log (\`code\`, with \`hint\`), in \`replicator status\`
(column LAST ERROR) and in what a command prints when it fails.

**Retry.** *by itself*: the subscription is \`waiting\` and tries again with back-off from 100 ms to
10 s, for ever. *after mending*: it is \`failed\`, nothing is skipped, its slot keeps the WAL, and it
looks again after five seconds, then less and less often, at least every minute, whether somebody has mended it.

**Exit** is the exit code of a one-shot command that ends with the error. \`replicator run\` does not
end because of what a server does.

A message names databases, tables, columns, constraints and the SQLSTATE, never values of rows. Where the words of
a server may quote them, only its own log has its words.
`;

export function errorsReference(): string {
  const codes = Object.keys(errorKinds) as ErrorCode[];
  const rows = codes.map((code) => {
    const { retry, exitCode, hint } = errorKinds[code];
    const again = retry === 'timed' ? 'by itself' : 'after mending';
    return `| \`${code}\` | ${meanings[code]} | ${again} | ${exitCode} | ${hint} |\n`;
  });
  return `${head}\n| code | what happened | retry | exit | what to do |\n|---|---|---|---|---|\n${rows.join('')}`;
}
