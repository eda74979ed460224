// The daemon as a user runs it: judged by its log and by how it ends.
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ProgramOptions, startProgram } from './built-program.ts';
import { signalIfRunning } from './process-tree.ts';

/** A line of the log; one that is no JSON object has only a msg. */
export interface LogLine {
  level?: string | number;
  msg?: string;
  code?: string;
  [field: string]: unknown;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** From the request to stop until the end. */
  ms: number;
}

const running = new Set<ReplicatorProcess>();

/** For afterEach: a test that failed leaves no process to the next one. */
export async function killReplicators(): Promise<void> {
  await Promise.all([...running].map((replicator) => replicator.kill()));
}

/** Starts `run -c <configPath>`; wait for a line of its log to know that it is up. */
export function startReplicator(
  configPath: string,
  options: ProgramOptions = {},
): ReplicatorProcess {
  return new ReplicatorProcess(startProgram(['run', '-c', configPath], options));
}

export class ReplicatorProcess {
  readonly pid: number;
  readonly logs: LogLine[] = [];
  stderr = '';
  readonly #exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #hasExited = false;

  constructor(child: ChildProcessWithoutNullStreams) {
    this.pid = child.pid as number;
    createInterface(child.stdout).on('line', (line) => this.logs.push(parseLine(line)));
    child.stderr.on('data', (text: string) => {
      this.stderr += text;
    });
    running.add(this);
    this.#exit = new Promise((resolve) => {
      // not exit: by then not all of the output has been read
      child.once('close', (code, signal) => {
        this.#hasExited = true;
        running.delete(this);
        resolve({ code, signal });
      });
    });
  }

  /** The first line that matches: of all, or of those from `from` on (such as `logs.length` now). */
  async waitForLog(
    predicate: string | ((line: LogLine) => boolean),
    { timeoutMs = 20_000, from = 0 }: { timeoutMs?: number; from?: number } = {},
  ): Promise<LogLine> {
    const matches =
      typeof predicate === 'string' ? (line: LogLine) => line.msg === predicate : predicate;
    const deadline = performance.now() + timeoutMs;
    while (true) {
      const hasExited = this.#hasExited;
      const found = this.logs.slice(from).find(matches);
      if (found) return found;
      if (hasExited)
        throw new Error(`replicator ended before it logged ${predicate}${this.#tail()}`);
      if (performance.now() > deadline) {
        throw new Error(`replicator did not log ${predicate} in ${timeoutMs} ms${this.#tail()}`);
      }
      await sleep(5);
    }
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#hasExited) signalIfRunning(this.pid, signal);
  }

  /** SIGTERM, as systemd, Docker and Kubernetes do. */
  async stop(timeoutMs = 30_000): Promise<Exit> {
    const exit = this.#signalAndWait('SIGTERM');
    const timer = new AbortController();
    const timeout = sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined);
    const inTime = await Promise.race([exit, timeout]);
    timer.abort();
    if (inTime) return inTime;
    await this.kill();
    throw new Error(`replicator did not stop in ${timeoutMs} ms${this.#tail()}`);
  }

  async kill(): Promise<Exit> {
    return await this.#signalAndWait('SIGKILL');
  }

  /** For a process that is to end by itself. */
  async untilExit(): Promise<Exit> {
    return await this.#signalAndWait(undefined);
  }

  async #signalAndWait(signal: NodeJS.Signals | undefined): Promise<Exit> {
    const began = performance.now();
    if (signal) this.signal(signal);
    return { ...(await this.#exit), ms: performance.now() - began };
  }

  #tail(): string {
    const lines = this.logs.slice(-60).map((line) => JSON.stringify(line));
    return `:\n${lines.join('\n')}\n${this.stderr}`;
  }
}

function parseLine(line: string): LogLine {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed === 'object' && parsed !== null) return parsed as LogLine;
  } catch {
    // not JSON: kept below
  }
  return { msg: line };
}
