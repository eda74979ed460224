// The command line: flags are strings, given once, without defaults (those are the file's).
import yargs, { type Argv } from 'yargs';
import { loadConfig } from '../config/load-config.ts';
import { ReplicatorError } from '../model/errors.ts';
import { check } from './check.ts';
import type { Command, Flags } from './command.ts';
import { config } from './config-command.ts';
import { init } from './init.ts';
import { allowColour, type OutputFormat } from './output.ts';
import { run } from './run.ts';
import { status } from './status.ts';
import { teardown } from './teardown.ts';
import { versionText } from './version.ts';
import { wait } from './wait.ts';

const commands: readonly Command[] = [run, init, check, status, wait, config, teardown];

const exitCodes = `Exit codes: 0 done; 1 ran fine and found something; 64 wrong command line;
69 a database is unreachable; 70 a bug; 75 try again later; 77 missing privilege;
78 configuration or set-up wrong; 130, 143 stopped at once by a second signal.`;

/** Runs one command and gives the process's exit code. Throws ReplicatorError. */
export async function runCli(args: readonly string[]): Promise<number> {
  let code = 0;
  const parser = yargs([...args])
    .scriptName('replicator')
    .usage('$0 <command>\n\nKeeps PostgreSQL databases in sync, in any direction.')
    .parserConfiguration({ 'parse-numbers': false, 'boolean-negation': true })
    .option('config', {
      alias: 'c',
      type: 'string',
      describe: 'the file (REPLICATOR_CONFIG; ./replicator.yaml)',
    })
    .option('output', { alias: 'o', type: 'string', describe: 'table, json or yaml' })
    .option('json', { type: 'boolean', describe: 'the same as --output json' })
    .option('color', { type: 'boolean', describe: '--no-color: no colours' })
    .version(versionText())
    .completion('completion', 'print a completion script for your shell')
    .strict()
    .demandCommand(1, 'a command is missing')
    .epilogue(exitCodes)
    .fail((message, error) => {
      throw error ?? new ReplicatorError('USAGE', message);
    })
    .exitProcess(false);
  for (const command of commands)
    parser.command(
      [command.name, command.positional].filter(Boolean).join(' '),
      command.describe,
      (sub: Argv) => sub.options({ ...command.options }),
      async (flags) => {
        code = await execute(command, flags as Flags);
      },
    );
  await parser.parseAsync();
  return code;
}

async function execute(command: Command, flags: Flags): Promise<number> {
  for (const [name, value] of Object.entries(flags))
    if (Array.isArray(value) && name !== '_')
      throw new ReplicatorError('USAGE', `--${name} is given more than once`);
  if (typeof flags['color'] === 'boolean') allowColour(flags['color']);
  const path = flags['config'];
  if (path === '') throw new ReplicatorError('USAGE', '--config needs a path');
  return await command.handler({
    flags,
    format: formatOf(flags),
    loadConfig: () => loadConfig(typeof path === 'string' ? { path } : {}),
  });
}

function formatOf(flags: Flags): OutputFormat {
  const format = flags['json'] === true ? 'json' : (flags['output'] ?? 'table');
  if (format === 'table' || format === 'json' || format === 'yaml') return format;
  throw new ReplicatorError('USAGE', `--output ${format}: choose table, json or yaml`);
}
