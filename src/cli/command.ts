// What every command is: a name, its flags, and a function from them to an exit code.
import type { Options } from 'yargs';
import type { Config } from '../config/config.ts';
import type { OutputFormat } from './output.ts';

/** Flags as yargs parsed them: strings or booleans only, each given at most once. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

export interface CommandContext {
  readonly flags: Flags;
  /** Throws ConfigError with every problem of the file. */
  readonly loadConfig: () => Promise<Config>;
  readonly format: OutputFormat;
}

export interface Command {
  readonly name: string;
  readonly describe: string;
  readonly options?: Readonly<Record<string, Options>>;
  /** The names of its arguments, if it takes any; all of them may be left out. */
  readonly positionals?: readonly string[];
  readonly handler: (context: CommandContext) => Promise<number>;
}
