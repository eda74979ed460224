// The one description of the user's file: types, defaults, messages, and (json-schema.ts) what
// editors and the reference know of it.
import * as z from 'zod';
import { databaseSchema } from './database-schema.ts';
import { isReservedSchema } from './match-tables.ts';
import { choice, duration, size, text, wholeNumber } from './scalar-schema.ts';
import { parseTablePattern } from './table-pattern.ts';

const databaseName = z
  .string()
  .max(20, 'must be at most 20 characters long')
  .regex(
    /^(?=.*[a-z])[a-z0-9]+(_[a-z0-9]+)*$/,
    'must be lower-case letters and digits (a letter at least) with single underscores between them',
  );

const groupName = z
  .string()
  .max(63, 'must be at most 63 characters long')
  .regex(
    /^[a-z][a-z0-9_]*$/,
    'must begin with a lower-case letter and go on with such letters, digits or underscores',
  );

const tablePattern = (options: { mayBeReserved: boolean }) =>
  text().superRefine((value, context) => {
    const message = patternProblem(value, options);
    if (message !== undefined) context.addIssue({ code: 'custom', message, input: value });
  });

function patternProblem(value: string, { mayBeReserved }: { mayBeReserved: boolean }) {
  try {
    const { schema } = parseTablePattern(value);
    if (mayBeReserved || !isReservedSchema(schema.literal ?? '')) return undefined;
    return 'is never replicated: pg_*, information_schema and replicator are schemas of the server';
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

const relgroupSchema = z.strictObject({
  tables: z
    .array(tablePattern({ mayBeReserved: false }))
    .min(1, 'is empty: name at least one table')
    .meta({
      description:
        'Tables as schema.table; * and ? stand for any characters and for one. Names with capitals or other special characters go in double quotes: public."My.Table".',
    }),
  exclude: z
    .array(tablePattern({ mayBeReserved: true }))
    .prefault([])
    .meta({ description: 'Tables that are left out again, in the same notation.' }),
  sequences: z
    .never('are not built yet: sequences are not replicated; give each source its own range')
    .optional(),
});

const role = choice(['source', 'target'], {
  fullcopy: 'is not built yet; say source or target',
}).meta({
  description:
    'source: its writes are replicated to all others, and it receives those of the other sources. target: it only receives.',
});

const notBuilt = 'is not built yet; say latest or pause';
const diverges = 'cannot converge: every database would choose by itself; say latest or pause';

const syncSchema = z.strictObject({
  relgroup: text().meta({ description: 'Which tables: the name of a relgroup.' }),
  dbgroup: text().meta({ description: 'Between which databases: the name of a dbgroup.' }),
  initial_copy: choice(['none', 'once', 'if_empty']).prefault('none').meta({
    description:
      'Rows that exist before the start. none: the databases are equal already. once: copy, and refuse a target table that has rows. if_empty: copy the tables that are empty, name the rest.',
  }),
  conflict: choice(['latest', 'pause'], {
    bucardo_latest: 'is called latest here',
    bucardo_abort: 'is called pause here',
    prefer: notBuilt,
    newest_by: notBuilt,
    delta: notBuilt,
    merge: notBuilt,
    random: diverges,
    bucardo_random: diverges,
    skip: diverges,
    bucardo_skip: diverges,
  })
    .prefault('latest')
    .meta({
      description:
        'Who wins when databases change the same row. latest: the last commit. pause: the subscription stops before such a change and waits for `replicator conflicts resolve`.',
    }),
  conflict_log: choice(['full', 'keys', 'off']).prefault('keys').meta({
    description:
      'What replicator.conflicts keeps of a conflict. keys: the key, and the row that lost. full: both rows. off: nothing.',
  }),
  conflict_window: duration('0ms', '1d').prefault('1s').meta({
    description:
      'A change that wins over a row which another database committed less than this before is a conflict too, and logged; also within the lag of the opposite direction, where that is longer. 0ms logs only what lost.',
  }),
  truncate: choice(['replicate', 'ignore', 'refuse']).optional().meta({
    description:
      'What a TRUNCATE at a source does to the others; refuse stops the subscription. Default: replicate with one source in the dbgroup, refuse with several.',
  }),
});

const applySchema = z.strictObject({
  batch_changes: wholeNumber(1, 1_000_000)
    .prefault(10_000)
    .meta({ description: 'Most changes in one transaction on a target.' }),
  batch_size: size('1kB', '1GB').prefault('4MB').meta({
    description:
      'Most bytes of row values in one batch; larger transactions are applied in chunks of it.',
  }),
  queue_size: size('1kB', '1TB').prefault('16MB').meta({
    description:
      'Bytes of row values that may wait for one target before it is told to slow down, or gets a slot of its own because others could go on.',
  }),
  lock_timeout: duration()
    .prefault('10s')
    .meta({ description: 'How long a batch waits for a lock on a target before it tries again.' }),
});

const slotsSchema = z.strictObject({
  warn_at: size('1MB', '1000TB').prefault('2GB').meta({
    description: 'WAL that a slot of ours keeps on its source before the log warns of it.',
  }),
  give_up_at: z
    .union([z.literal('never'), size('1MB', '1000TB')])
    .prefault('20GB')
    .meta({
      description:
        'WAL that is kept for one target that cannot follow. Beyond it its place is given up: the source lives on, the target must be filled anew. never: until the disk is full.',
    }),
});

const logSchema = z.strictObject({
  level: choice(['debug', 'info', 'warn', 'error'])
    .prefault('info')
    .meta({ description: 'Least level that is logged.' }),
});

/** The sections that map names, chosen by the user, to entries. */
export const sections = ['databases', 'relgroups', 'dbgroups', 'syncs'] as const;

export type Section = (typeof sections)[number];

export const configSchema = z.strictObject({
  databases: z.record(databaseName, databaseSchema).meta({
    minProperties: 1,
    description: 'The databases that take part. Their order decides ties between equal commits.',
  }),
  relgroups: z
    .record(groupName, relgroupSchema)
    .meta({ minProperties: 1, description: 'Named sets of tables.' }),
  dbgroups: z
    .record(groupName, z.record(z.string(), role))
    .meta({ minProperties: 1, description: 'Named sets of databases, each with its role.' }),
  syncs: z
    .record(groupName, syncSchema)
    .meta({ minProperties: 1, description: 'What is kept equal where: a relgroup in a dbgroup.' }),
  apply: applySchema.prefault({}).meta({ description: 'How changes are written to the targets.' }),
  slots: slotsSchema
    .prefault({})
    .meta({ description: 'How much WAL the sources may keep for their targets.' }),
  heartbeat: z
    .union([z.literal('never'), duration()])
    .prefault('never')
    .meta({
      description:
        'How often one row (replicator.marker) is written on each source, so that its targets also tell how old they are while nothing else is written.',
    }),
  log: logSchema.prefault({}).meta({ description: 'What is logged.' }),
  max_clock_skew: duration().prefault('500ms').meta({
    description: 'How far the clocks of the databases may be apart before it is reported.',
  }),
  conflict_retention: duration('1min', '3650d').prefault('30d').meta({
    description: 'How long the rows of replicator.conflicts are kept.',
  }),
  shutdown_timeout: duration().prefault('10s').meta({
    description: 'How long to finish what is being applied after SIGTERM.',
  }),
});

export type ConfigFile = z.output<typeof configSchema>;
