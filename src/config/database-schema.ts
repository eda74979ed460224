// One entry of `databases` in the user's file.
import { isIP } from 'node:net';
import * as z from 'zod';
import { choice, duration, text, wholeNumber } from './scalar-schema.ts';

// https://www.postgresql.org/docs/current/warm-standby.html#STREAMING-REPLICATION-SLOTS-MANIPULATION
const slotName = text().regex(
  /^[a-z0-9_]{1,63}$/,
  'must be the name of a slot: lower-case letters, digits and underscores',
);

const noDowngrade =
  'encrypts without checking who answers, or silently does not encrypt; say verify-full, verify-ca or disable';

const sslmode = choice(['disable', 'verify-ca', 'verify-full'], {
  require: noDowngrade,
  prefer: noDowngrade,
  allow: noDowngrade,
  'no-verify': noDowngrade,
});

const host = text().superRefine((value, context) => {
  const message = hostProblem(value);
  if (message !== undefined) context.addIssue({ code: 'custom', message, input: value });
});

function hostProblem(value: string): string | undefined {
  if (isIP(value) !== 0 || value.startsWith('/')) return undefined;
  if (value.includes('://')) return 'is a connection string: write it as url';
  if (value.includes('@')) return 'contains an @: user and password are keys of their own';
  if (/[,\s]/.test(value)) return 'must be a single host';
  if (/^[^:]+:\d+$/.test(value)) return 'contains a port: write it as port';
  if (/[/:[\]]/.test(value)) return 'must be a host name, an address or an absolute folder';
  return undefined;
}

/** What a connection string can say as well as keys can. */
export const connectionSchema = z.strictObject({
  host: host.optional().meta({
    description: 'Host name, address, or the absolute path of the folder of a Unix-domain socket.',
    examples: ['db1.example.com', '10.0.0.94', '/var/run/postgresql'],
  }),
  port: wholeNumber(1, 65535).optional().meta({ description: 'Port. Default: 5432.' }),
  dbname: text().optional().meta({ description: 'Name of the database on the server.' }),
  user: text().optional().meta({ description: 'Role to connect as.' }),
  sslmode: sslmode.optional().meta({
    description:
      'How the connection is protected. Default: verify-full; disable on this machine (localhost, 127.0.0.0/8, ::1, a socket folder) unless an ssl file is named.',
  }),
  sslrootcert: text().optional().meta({
    description:
      'File with the certificates of the authorities to trust; without it those that Node.js trusts. Relative paths start at the folder of this file, here and below.',
  }),
  sslcert: text().optional().meta({ description: 'Client certificate file.' }),
  sslkey: text().optional().meta({ description: 'Private key file of the client certificate.' }),
});

export const databaseSchema = connectionSchema
  .extend({
    url: text().optional().meta({
      description:
        'Connection string, instead of or together with keys: postgres://user@host:port/dbname?sslmode=…&sslrootcert=…',
    }),
    password: text().optional().meta({
      description: `Password, best as \${VARIABLE}. It goes before password_file, and that before PGPASSFILE and ~/.pgpass.`,
    }),
    password_file: text().optional().meta({
      description:
        'File that holds the password and nothing else. Read for every connection, so that it can be rotated; refused when everyone may read it.',
    }),
    connect_timeout: duration()
      .prefault('10s')
      .meta({ description: 'How long to wait for the server to answer.' }),
    standby_slots: z.array(slotName).prefault([]).meta({
      description:
        "Slots of standbys of this database as a target, each the standby's primary_slot_name. A source forgets only what all of these have on disk; applying does not wait for them. Not needed for synchronous standbys.",
    }),
  })
  .meta({
    anyOf: [{ required: ['url'] }, { required: ['host', 'dbname', 'user'] }],
  });

export type ConnectionSettings = z.output<typeof connectionSchema>;
export type DatabaseEntry = z.output<typeof databaseSchema>;
