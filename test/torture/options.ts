// The command line of `npm run torture`.
import { parseArgs } from 'node:util';
import type { BrokenBuild } from '../support/broken-build.ts';
import { type Major, supportedMajors } from '../support/postgres-binaries.ts';
import { provokedBuilds } from './broken.ts';
import { faultNames } from './faults/faults.ts';
import { workloads } from './workloads/workloads.ts';

export interface Options {
  readonly minutes: number;
  readonly seed: number;
  /** A version for each database; their number is the number of databases. */
  readonly majors: readonly Major[];
  /** `single`: the first one is written to, the others only receive. */
  readonly topology: 'mesh' | 'single';
  /** `own`: each row is written on one database only, so that nothing can conflict. */
  readonly rows: 'shared' | 'own';
  readonly faults: readonly string[];
  /** The longest time without one, for each kind of them. */
  readonly peaceMs: number;
  /** By name. */
  readonly workloads: readonly string[];
  /** On each database that is written to. */
  readonly clients: number;
  /** The longest time that a client rests between two transactions. */
  readonly restMs: number;
  /** Of each workload with a limited number of keys. */
  readonly keys: number;
  /** After so long the clients go on to other keys, so that what became of these is not healed by
   * the next write. */
  readonly keysLastMs: number;
  /** Where the history and what was found are kept. */
  readonly folder: string | undefined;
  /** How long all may take to be quiet in the end. */
  readonly patienceMs: number;
  /** The build under test; the normal one without. */
  readonly program: string | undefined;
}

export const usage = `npm run torture -- [options]
  --minutes N          how long clients write and faults happen (1)
  --seed N             repeats the choices of an earlier run (random)
  --masters N          databases, 2 to 6 (3)
  --majors 13,15,18    the PostgreSQL version of each
  --topology single    one database is written to, the others receive (mesh)
  --rows own           each row is written on one database only (shared)
  --faults a,b         ${faultNames.join(', ')}; all or none (all)
  --peace SECONDS      at most so long between two faults of a kind (4)
  --workloads a,b      ${workloads.map(({ name }) => name).join(', ')} (all)
  --clients N          clients of each database that is written to (3)
  --rest MS            at most so long between two transactions of a client (20)
  --keys N             rows that the clients of a workload meet on (20)
  --keys-last SECONDS  before they go on to others (10)
  --patience SECONDS   how long all may take to be quiet in the end (120)
  --folder PATH        where the history goes (a temporary folder, kept when something is found)
  --program PATH       another build than this one: its main.js
  --broken NAME        a deliberately broken build, which must be noticed; all for one after another:
                       ${provokedBuilds.join(', ')}`;

export interface CommandLine {
  readonly options: Options;
  readonly broken: readonly BrokenBuild[];
}

/** Throws an Error with one line that says what is wrong. */
export function parseCommandLine(args: string[]): CommandLine | 'help' {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', short: 'h' },
      minutes: text,
      seed: text,
      masters: text,
      majors: text,
      topology: text,
      rows: text,
      faults: text,
      peace: text,
      workloads: text,
      clients: text,
      rest: text,
      keys: text,
      'keys-last': text,
      patience: text,
      folder: text,
      program: text,
      broken: text,
    },
  });
  if (values.help) return 'help';
  const majors = values.majors?.split(',').map(Number) ?? defaultMajors(values.masters);
  if (majors.length < 2 || majors.length > 6) throw new Error('give 2 to 6 databases');
  const options: Options = {
    minutes: number('minutes', values.minutes ?? '1', 0.05, 100_000),
    seed: number('seed', values.seed ?? String(Math.floor(Math.random() * 2 ** 31)), 0, 2 ** 32),
    majors: majors.map((major) => oneOf('majors', major, supportedMajors)),
    topology: oneOf('topology', values.topology ?? 'mesh', ['mesh', 'single'] as const),
    rows: oneOf('rows', values.rows ?? 'shared', ['shared', 'own'] as const),
    faults: list('faults', values.faults, faultNames),
    peaceMs: 1000 * number('peace', values.peace ?? '4', 0, 3600),
    workloads: list(
      'workloads',
      values.workloads,
      workloads.map(({ name }) => name),
    ),
    clients: number('clients', values.clients ?? '3', 1, 100),
    restMs: number('rest', values.rest ?? '20', 0, 60_000),
    keys: number('keys', values.keys ?? '20', 1, 1_000_000),
    keysLastMs: 1000 * number('keys-last', values['keys-last'] ?? '10', 0.01, 100_000),
    folder: values.folder,
    patienceMs: 1000 * number('patience', values.patience ?? '120', 1, 3600),
    program: values.program,
  };
  return {
    options,
    broken: values.broken === undefined ? [] : list('broken', values.broken, provokedBuilds),
  };
}

// Old and new ones side by side, however many there are.
function defaultMajors(masters = '3'): number[] {
  return [15, 18, 13, 16, 14, 17].slice(0, number('masters', masters, 2, 6));
}

function number(name: string, value: string, least: number, most: number): number {
  const parsed = Number(value);
  if (value.trim() !== '' && parsed >= least && parsed <= most) return parsed;
  throw new Error(`--${name} ${value}: give a number from ${least} to ${most}`);
}

function oneOf<T>(name: string, value: unknown, known: readonly T[]): T {
  const found = known.find((each) => each === value);
  if (found !== undefined) return found;
  throw new Error(`--${name} ${value}: known are ${known.join(', ')}`);
}

function list<T extends string>(name: string, value = 'all', known: readonly T[]): readonly T[] {
  if (value === 'all') return known;
  if (value === 'none') return [];
  return value.split(',').map((each) => oneOf(name, each, known));
}
