import { type ProgramOptions, startProgram } from './built-program.ts';

export interface CliResult {
  /** null: ended by a signal. */
  code: number | null;
  stdout: string;
  stderr: string;
  ms: number;
}

/** Runs a command of the built program to its end, which it must reach by itself. */
export async function runCli(
  args: string[],
  { timeoutMs = 30_000, ...options }: ProgramOptions & { timeoutMs?: number } = {},
): Promise<CliResult> {
  const began = performance.now();
  const child = startProgram(args, options);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.on('data', (text: string) => {
    stderr += text;
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  // not exit: by then not all of the output has been read
  const code = await new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  clearTimeout(timer);
  if (isLate) {
    throw new Error(`${args.join(' ')} took more than ${timeoutMs} ms:\n${stdout}${stderr}`);
  }
  return { code, stdout, stderr, ms: performance.now() - began };
}
