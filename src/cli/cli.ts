// The command line: flags are strings, given once, without defaults (those are the file's).
import yargs, { type Argv } from 'yargs';
import { loadConfig } from '../config/load-config.ts';
import { colourWish } from '../config/terminal.ts';
import { ReplicatorError } from '../model/errors.ts';
import { check } from './check.ts';
import type { Command, Flags } from './command.ts';
import { config } from './config-command.ts';
import { conflicts } from './conflicts.ts';
import { init } from './init.ts';
import { allowColour, type OutputFormat } from './output.ts';
import { pause, resume } from './pause.ts';
import { type KnownOptions, refuseFlags, refuseInherited, refuseWords } from './refuse-unknown.ts';
import { resync } from './resync.ts';
import { run } from './run.ts';
import { status } from './status.ts';
import { teardown } from './teardown.ts';
import { versionText } from './version.ts';
import { wait } from './wait.ts';

const commands: readonly Command[] = [
  run,
  init,
  check,
  status,
  conflicts,
  wait,
  pause,
  resume,
  resync,
  config,
  teardown,
];

const exitCodes = `Exit codes: 0 done; 1 ran fine and found something; 64 wrong command line;
69 a database is unreachable; 70 a bug; 75 try again later;
77 missing privilege; 78 configuration or set-up wrong;
130, 143 stopped at once by a second signal.`;

const globalOptions = {
  config: {
    alias: 'c',
    type: 'string',
    describe: 'the file (REPLICATOR_CONFIG; ./replicator.yaml)',
  },
  output: { alias: 'o', type: 'string', describe: 'table, json or yaml' },
  json: { type: 'boolean', describe: 'the same as --output json' },
  'no-color': { type: 'boolean', describe: 'no colours' },
} satisfies KnownOptions;

/** Runs one command and gives the process's exit code. Throws ReplicatorError. */
export async function runCli(args: readonly string[]): Promise<number> {
  let code: number | undefined;
  // No argument of ours begins with a dash, so nothing needs to be behind a `--`.
  const given = args.filter((arg) => arg !== '--');
  const words = given[0] === 'help' ? [...given.slice(1), '--help'] : given;
  refuseInherited(words);
  const parser = yargs(words)
    .scriptName('replicator')
    .usage('$0 <command>\n\nKeeps PostgreSQL databases in sync, in any direction.')
    .detectLocale(false)
    .parserConfiguration({
      'parse-numbers': false,
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
    })
    .options(globalOptions)
    .version(versionText())
    .completion('completion', 'print a completion script for your shell')
    .epilogue(exitCodes)
    .fail((message, error) => {
      throw error ?? new ReplicatorError('USAGE', message);
    })
    .exitProcess(false);
  for (const command of commands)
    parser.command(
      [command.name, ...(command.positionals ?? []).map((name) => `[${name}]`)].join(' '),
      command.describe,
      (sub: Argv) => sub.options({ ...command.options }),
      async (flags) => {
        refuseFlags(words, flags, { ...globalOptions, ...command.options }, command.positionals);
        refuseWords(flags._.slice(1));
        code = await execute(command, flags as Flags);
      },
    );
  const flags = await parser.parseAsync();
  if (code !== undefined || flags['help'] || flags['version']) return code ?? 0;
  const [word] = flags._;
  if (word === 'completion' || flags['get-yargs-completions'] !== undefined) return 0;
  // First, as what a flag means depends on it.
  if (word !== undefined)
    refuseWords([word], [...commands.map(({ name }) => name), 'completion', '--version', '--help']);
  refuseFlags(words, flags, globalOptions);
  throw new ReplicatorError('USAGE', 'a command is missing');
}

async function execute(command: Command, flags: Flags): Promise<number> {
  allowColour(flags['no-color'] === true ? false : colourWish());
  const path = flags['config'];
  return await command.handler({
    flags,
    format: formatOf(flags),
    loadConfig: () => loadConfig(typeof path === 'string' ? { path } : {}),
  });
}

function formatOf(flags: Flags): OutputFormat {
  const format = flags['output'] ?? (flags['json'] === true ? 'json' : 'table');
  if (flags['json'] === true && format !== 'json')
    throw new ReplicatorError('USAGE', `--json and --output ${format}: choose one`);
  if (format === 'table' || format === 'json' || format === 'yaml') return format;
  throw new ReplicatorError('USAGE', `--output ${format}: choose table, json or yaml`);
}
