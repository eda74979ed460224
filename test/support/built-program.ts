import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createGuardian } from './guardian.ts';

const builtProgram = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface ProgramOptions {
  /** Added to the little that is passed on of our own environment. */
  env?: Record<string, string>;
  cwd?: string;
  nodeArgs?: string[];
  /** Another build of it, such as a broken one that a test must notice. */
  program?: string;
}

/** Starts `node [nodeArgs] dist/main.js [args]`, which ends at the latest with this process. */
export function startProgram(
  args: string[],
  { env, cwd, nodeArgs = [], program = builtProgram }: ProgramOptions,
): ChildProcessWithoutNullStreams {
  if (!existsSync(program)) throw new Error(`${program} is not built: npm run build`);
  const child = spawn(process.execPath, [...nodeArgs, program, ...args], {
    cwd,
    env: { ...inheritedEnvironment(), ...env },
  });
  child.stdout.setEncoding('utf8');
  child.stderr.setEncoding('utf8');
  // a program that ends before it has read all is judged by its exit code
  child.stdin.on('error', () => undefined);
  child.stdin.end();

  const guardian = createGuardian({ signal: 'KILL' });
  if (child.pid) guardian.guard(child.pid);
  child.once('exit', () => {
    guardian.forget();
    guardian.close();
  });
  return child;
}

/** No PG*, HOME (~/.pgpass) or NODE_OPTIONS: what a developer has set must not decide a test. */
function inheritedEnvironment(): Record<string, string> {
  const names = ['PATH', 'TMPDIR', 'NODE_V8_COVERAGE'];
  return Object.fromEntries(names.flatMap((name) => entryOf(name)));
}

function entryOf(name: string): [string, string][] {
  const value = process.env[name];
  return value === undefined ? [] : [[name, value]];
}
