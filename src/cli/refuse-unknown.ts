// What is wrong with a command line, before anything is done: yargs would take `--dry-run=yes` for
// a no, and its own words neither name what was probably meant nor stay in English.
import type { Options } from 'yargs';
import { didYouMean, nearestName } from '../config/did-you-mean.ts';
import { nameLabel } from '../config/label.ts';
import { ReplicatorError } from '../model/errors.ts';

/** By their long names. */
export type KnownOptions = Readonly<Record<string, Options>>;

/** Flags as yargs gives them: also those that it does not know, and arrays for repeated ones. */
type ParsedFlags = Readonly<Record<string, unknown>>;

/** Throws USAGE with a line for each mistake. */
export function refuseFlags(
  args: readonly string[],
  flags: ParsedFlags,
  options: KnownOptions,
  positionals: readonly string[] = [],
): void {
  const aliases = Object.values(options).flatMap(({ alias }) => (alias as string) ?? []);
  const known = new Set([
    ...Object.keys(options),
    ...aliases,
    ...positionals,
    'help',
    'version',
    '_',
    '$0',
  ]);
  refuse([
    ...Object.keys(flags)
      .filter((flag) => !known.has(flag))
      .map((flag) => unknownFlag(flag, Object.keys(options))),
    ...Object.entries(options).flatMap(([name, { type, requiresArg }]) => {
      if (Array.isArray(flags[name])) return `--${name} is given more than once`;
      if (type === 'boolean') return takesNoValue(name, args);
      const isMissing = flags[name] === '' && requiresArg !== false;
      return isMissing ? `--${name} needs a value` : [];
    }),
  ]);
}

/** Throws USAGE for `--constructor` and its like, which yargs finds on every object. */
export function refuseInherited(args: readonly string[]): void {
  const name = args.map((arg) => /^--(\w+)/.exec(arg)?.[1] ?? '').find((each) => each in {});
  if (name !== undefined) refuse([unknownFlag(name, [])]);
}

/** For words that are no flags and that no command asks for. */
export function refuseWords(words: readonly unknown[], commands: readonly string[] = []): void {
  refuse(
    words.map((word) => {
      if (isConnection(String(word))) return noConnection;
      if (commands.length === 0) return `unknown argument ${nameLabel(String(word))}`;
      return `unknown command ${nameLabel(String(word))}${didYouMean(String(word), commands)}`;
    }),
  );
}

const noConnection =
  'no connection strings and passwords here, where ps shows them: write them into the configuration file, the password best as password_file';

function isConnection(word: string): boolean {
  return word.includes('://') || /^(url|dsn|pw|pass(w.*)?|PG\w*=.*)$/i.test(word);
}

function unknownFlag(flag: string, known: readonly string[]): string {
  if (isConnection(flag)) return `--${flag}: ${noConnection}`;
  const dashes = flag.length === 1 ? '-' : '--';
  const meant = nearestName(flag, known);
  return `unknown flag ${dashes}${/^[\w-]+$/.test(flag) ? flag : '…'}${meant === undefined ? '' : ` (did you mean --${meant}?)`}`;
}

// Which yargs would take for its value.
const isYesOrNo = /^(true|false)$/;

function takesNoValue(name: string, args: readonly string[]): string[] {
  const hasValue = args.some(
    (arg, i) =>
      arg.startsWith(`--${name}=`) || (arg === `--${name}` && isYesOrNo.test(args[i + 1] ?? '')),
  );
  return hasValue ? [`--${name} takes no value`] : [];
}

function refuse(mistakes: readonly string[]): void {
  if (mistakes.length > 0) throw new ReplicatorError('USAGE', mistakes.join('\n'));
}
