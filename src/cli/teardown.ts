// `replicator teardown`: removes every trace of ours from the databases, and shows that it did.
import { createInterface } from 'node:readline/promises';
import type { Config } from '../config/config.ts';
import { connectAll } from '../setup/open-sessions.ts';
import { findTraces, refuseActive, removeTraces, type Trace } from '../setup/teardown.ts';
import type { Command } from './command.ts';
import { formatBytes, print, printData, printError, printTable } from './output.ts';

export const teardown: Command = {
  name: 'teardown',
  describe: 'remove slots, publications, origins and schema replicator; the data stays',
  options: {
    'dry-run': { type: 'boolean', describe: 'only show what would be removed' },
    yes: { type: 'boolean', describe: 'do not ask on a terminal' },
  },
  async handler({ flags, loadConfig, format }) {
    const config = await loadConfig();
    await using sessions = await connectAll(config, [...config.databases.keys()]);
    const found = new Map<string, Trace[]>();
    for (const [name, session] of sessions.byName) {
      const traces = await findTraces(session, sourcesOf(config, name));
      await refuseActive(session, traces);
      found.set(name, traces);
    }
    if (format === 'table') showTraces(found);
    if (flags['dry-run'] === true) {
      if (format !== 'table') printData(format, { found: describe(found) });
      return 0;
    }
    if (flags['yes'] !== true && !(await confirmed())) return 1;
    const left = new Map<string, Trace[]>();
    for (const [name, session] of sessions.byName) {
      const removed = await removeTraces(session, found.get(name) ?? []);
      left.set(name, await findTraces(session, sourcesOf(config, name)));
      if (format === 'table')
        print(
          `${name}: ${removed.length} removed, ` +
            (left.get(name)?.length === 0 ? 'nothing left' : 'LEFT BEHIND, see below'),
        );
    }
    const remains = [...left.values()].some((traces) => traces.length > 0);
    if (format !== 'table') printData(format, { removed: describe(found), left: describe(left) });
    else if (remains) showTraces(left);
    return remains ? 1 : 0;
  },
};

function sourcesOf(config: Config, target: string): string[] {
  return config.subscriptions.filter((s) => s.target === target).map((s) => s.source);
}

function showTraces(found: ReadonlyMap<string, readonly Trace[]>): void {
  const rows = describe(found).map(({ database, kind, name, retained }) => [
    database,
    kind,
    name,
    retained,
  ]);
  if (rows.length === 0) print('nothing of replicator is on these databases');
  else printTable(['DATABASE', 'KIND', 'NAME', 'RETAINS'], rows);
}

function describe(found: ReadonlyMap<string, readonly Trace[]>) {
  return [...found].flatMap(([database, traces]) =>
    traces.map(({ kind, name, retainedBytes }) => ({
      database,
      kind,
      name,
      retained: kind === 'slot' ? formatBytes(retainedBytes ?? 0n) : '-',
    })),
  );
}

/** Asks only where somebody can answer; a script has said what it wants by calling us. */
async function confirmed(): Promise<boolean> {
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question('Remove all of it? Replication ends; data stays. [y/N] ');
  terminal.close();
  if (/^y(es)?$/i.test(answer.trim())) return true;
  printError('nothing was removed');
  return false;
}
