// `replicator conflicts resolve <database:id> --take local|remote`
import type { Config, DatabaseConfig } from '../config/config.ts';
import { didYouMean } from '../config/did-you-mean.ts';
import { nameLabel } from '../config/label.ts';
import { asReplicatorError, ReplicatorError } from '../model/errors.ts';
import { tableLabel } from '../model/relation.ts';
import { schemaExists } from '../postgres/own-schema.ts';
import { Session } from '../postgres/session.ts';
import { expectOriginal } from '../setup/plan-schema.ts';
import { askToLookAgain } from '../subscription/record-wish.ts';
import { becomeReplica } from '../target/apply/apply-session.ts';
import {
  carryOut,
  type Decision,
  decideAlike,
  readUndecided,
  type Undecided,
} from '../target/conflict/carry-out-decision.ts';
import type { CommandContext, Flags } from './command.ts';
import { print, printData, printError } from './output.ts';

interface Stopped {
  readonly source: string;
  readonly target: string;
}

/** As long as the server function waits for its clock. */
const longestSettleMs = 4_000;

export async function resolveConflict(
  { loadConfig, format }: CommandContext,
  conflict: Flags[string],
  take: Flags[string],
): Promise<number> {
  const id = /^(\w+):(\d{1,18})$/.exec(String(conflict ?? ''));
  if (id === null)
    throw new ReplicatorError('USAGE', 'conflicts resolve: name it by its id, such as tokyo:17');
  if (take !== 'local' && take !== 'remote')
    throw new ReplicatorError('USAGE', 'conflicts resolve: --take local or --take remote');
  const [label, name = '', number = ''] = id;
  const config = await loadConfig();
  const database = config.databases.get(name);
  if (database === undefined)
    throw new ReplicatorError(
      'USAGE',
      `unknown database ${nameLabel(name)}${didYouMean(name, [...config.databases.keys()])}`,
    );
  await using session = await connect(database);
  await becomeReplica(session);
  const undecided = (await schemaExists(session)) && (await readUndecided(session, number));
  if (!undecided)
    throw new ReplicatorError('USAGE', `${label} is no conflict that waits`, {
      hint: 'see `replicator conflicts`',
    });
  await expectOriginal(session);
  const outcome = await carryOut(session, undecided, take, settleMs(config, undecided));
  const stopped = [{ source: undecided.source, target: name }];
  if (outcome === 'decided') stopped.push(...(await decideOnOthers(config, name, undecided, take)));
  await goOn(config, stopped);
  if (format !== 'table') printData(format, { conflict: label, outcome, decision: take });
  else if (outcome === 'decided') {
    const row = `${tableLabel(undecided.table)} ${JSON.stringify(undecided.key)}`;
    print(`${label}: the ${take} row of ${row} stays`);
  } else
    printError(
      `replicator: ${label}: ${outcome}, nothing was written; see \`replicator conflicts\` again in some seconds`,
    );
  return outcome === 'decided' ? 0 : 1;
}

async function connect(database: DatabaseConfig): Promise<Session> {
  const { name } = database;
  const settings = { synchronous_commit: 'on', lock_timeout: '10s' };
  return await Session.connect(database, { purpose: 'control', name, settings });
}

/** Past the time in which the write would be taken for one more conflict. */
function settleMs({ syncs }: Config, { sync }: Undecided): number {
  const windowMs = syncs.find(({ name }) => name === sync)?.conflictWindowMs ?? 0;
  return Math.min(windowMs, longestSettleMs);
}

/** Whoever is not asked looks again by itself, only later. */
async function goOn(config: Config, stopped: readonly Stopped[]): Promise<void> {
  await Promise.all(
    stopped.map(async ({ source, target }) => {
      const database = config.databases.get(source);
      if (database === undefined) return;
      try {
        await using session = await connect(database);
        await askToLookAgain(session, target);
      } catch (error) {
        const { message } = asReplicatorError(error);
        printError(`replicator: ${message}: ${source}:${target} goes on when it looks again`);
      }
    }),
  );
}

async function decideOnOthers(
  config: Config,
  decidedOn: string,
  conflict: Undecided,
  decision: Decision,
): Promise<Stopped[]> {
  const others = [...config.databases.values()].filter(({ name }) => name !== decidedOn);
  const decided = await Promise.all(
    others.map(async (database) => {
      try {
        await using session = await connect(database);
        if (!(await schemaExists(session))) return [];
        const sources = await decideAlike(session, conflict, decision);
        return sources.map((source) => ({ source, target: database.name }));
      } catch (error) {
        const { message } = asReplicatorError(error);
        printError(`replicator: ${message}: if ${database.name} waits too, resolve it there`);
        return [];
      }
    }),
  );
  return decided.flat();
}
