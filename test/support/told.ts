// What a user reads when something is wrong: lines, an exit code, and never a stack trace.
import { expect } from 'vitest';
import type { ProgramOptions } from './built-program.ts';
import { runCli } from './run-cli.ts';

export interface Told {
  code: number | null;
  stdout: string[];
  stderr: string[];
}

/** Runs a command of the built program; fails if it shows how the program looks inside. */
export async function told(args: string[], options: ProgramOptions = {}): Promise<Told> {
  const { code, stdout, stderr } = await runCli(args, options);
  for (const text of [stdout, stderr]) expect(text).not.toMatch(insides);
  return { code, stdout: lines(stdout), stderr: lines(stderr) };
}

/** A command that fails says all of it on standard error. */
export async function refused(args: string[], options: ProgramOptions = {}): Promise<Told> {
  const result = await told(args, options);
  expect(result.stdout).toEqual([]);
  return result;
}

const insides = /^\s+at .*[:(]|node:internal|file:\/\/|\bundefined\b|\[object |Unhandled/m;

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
