// `replicator conflicts`: what was decided between changes of several databases, and what waits for
// a person's decision; `replicator conflicts resolve` is that.
import { nameLabel } from '../config/label.ts';
import { parseTablePattern } from '../config/table-pattern.ts';
import { parseDurationMs } from '../config/units.ts';
import { ReplicatorError } from '../model/errors.ts';
import {
  type ConflictList,
  type ConflictRow,
  isUndecided,
  readConflicts,
} from '../observability/read-conflicts.ts';
import type { Command, CommandContext } from './command.ts';
import { colour, print, printData, printError, printTable } from './output.ts';
import { resolveConflict } from './resolve-conflict.ts';

/** Of each database; more than anybody reads on a terminal. */
const limit = 1_000;

export const conflicts: Command = {
  name: 'conflicts',
  positionals: ['action', 'id'],
  describe: 'list conflicts, newest last; resolve <id> --take local|remote: decide one that waits',
  options: {
    since: { type: 'string', describe: 'only of the last 30s, 1h, 7d, …' },
    table: { type: 'string', describe: 'only of tables that match, as public.orders or public.*' },
    take: { type: 'string', describe: 'local: the row that is there stays; remote: the other one' },
  },
  async handler(context) {
    const { action, id, since, table, take } = context.flags;
    if (action === undefined) {
      if (take !== undefined) throw new ReplicatorError('USAGE', '--take: is for resolve');
      return await list(context);
    }
    if (action !== 'resolve')
      throw new ReplicatorError(
        'USAGE',
        `conflicts ${nameLabel(String(action))}: choose resolve, or nothing for the list`,
      );
    if (since !== undefined || table !== undefined)
      throw new ReplicatorError('USAGE', '--since and --table: are for the list');
    return await resolveConflict(context, id, take);
  },
};

async function list({ flags, loadConfig, format }: CommandContext): Promise<number> {
  const { since, table } = flags;
  const wanted = {
    sinceMs: since === undefined ? undefined : parsed('--since', since, parseDurationMs),
    table: table === undefined ? undefined : String(table),
    limit,
  };
  if (table !== undefined) parsed('--table', table, parseTablePattern);
  const { databases } = await loadConfig();
  const found = await readConflicts([...databases.values()], wanted);
  const { conflicts, unreachable } = found;
  if (format === 'table') show(found);
  else
    printData(format, {
      conflicts,
      databases: [...databases.keys()].map((database) => ({
        database,
        reachable: !unreachable.has(database),
        error: unreachable.get(database)?.message ?? null,
      })),
    });
  const [error] = unreachable.values();
  if (error !== undefined) return error.exitCode;
  return conflicts.some(isUndecided) ? 1 : 0;
}

function parsed<T>(flag: string, value: string | boolean, parse: (text: string) => T): T {
  try {
    return parse(String(value));
  } catch (error) {
    if (error instanceof RangeError)
      throw new ReplicatorError('USAGE', `${flag} ${nameLabel(String(value))}: ${error.message}`);
    throw error;
  }
}

function show({ conflicts, unreachable }: ConflictList): void {
  const decided = conflicts.filter((each) => !isUndecided(each));
  if (decided.length > 0)
    printTable(
      ['TIME', 'ID', 'TABLE', 'KEY', 'TYPE', 'RESOLUTION', 'RULE', 'LOCAL', 'REMOTE'],
      decided.map((each) => [
        each.decidedAt,
        each.id,
        each.table,
        JSON.stringify(each.key),
        each.type,
        each.decision === null ? each.resolution : `${each.decision} was taken`,
        each.rule,
        writtenAt(each.localDatabase, each.localCommitTime),
        writtenAt(each.source, each.remoteCommitTime),
      ]),
    );
  for (const each of conflicts.filter(isUndecided)) showUndecided(each);
  for (const [name, { message }] of unreachable)
    printError(`replicator: ${message} (conflicts of ${name} are not shown)`);
  if (conflicts.length === 0 && unreachable.size === 0) printError('no conflicts');
}

function writtenAt(database: string | null, time: string | null): string {
  return database === null ? '-' : `${database} ${time ?? '?'}`;
}

function showUndecided(each: ConflictRow): void {
  const { id, table, key, type, source, database, decidedAt, localRow, remoteRow } = each;
  print(
    colour(
      'yellow',
      `${id} waits: ${source}:${database} stopped at ${table} ${JSON.stringify(key)} (${type}) since ${decidedAt}`,
    ),
  );
  const row = (image: unknown) => (image === null ? '(deleted)' : JSON.stringify(image));
  print(`  local   ${writtenAt(each.localDatabase, each.localCommitTime)}  ${row(localRow)}`);
  print(`  remote  ${writtenAt(source, each.remoteCommitTime)}  ${row(remoteRow)}`);
  print(`  replicator conflicts resolve ${id} --take local|remote`);
}
