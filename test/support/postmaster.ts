// One run of a server's main process: from its start until it has ended.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from './eventually.ts';
import type { Guardian } from './guardian.ts';
import { childrenOf, isRunning, signalIfRunning } from './process-tree.ts';
import { serverEnvironment, serverUser } from './server-user.ts';

export class PortTakenError extends Error {}

export interface PostmasterOptions {
  postgres: string;
  dataDirectory: string;
  port: number;
  /** Appended to. */
  logFile: string;
  /** Hears of the process as long as it runs. */
  guardian: Guardian;
  env: Record<string, string>;
}

export class Postmaster {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #hasEnded = false;

  private constructor(child: ChildProcess, pid: number, guardian: Guardian) {
    this.pid = pid;
    this.#child = child;
    guardian.guard(pid);
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => {
        this.#hasEnded = true;
        guardian.forget();
        resolve();
      });
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  static async start(options: PostmasterOptions): Promise<Postmaster> {
    const log = openSync(options.logFile, 'a');
    const logStart = await sizeOf(options.logFile);
    const args = ['-D', options.dataDirectory, '-p', String(options.port)];
    const child = spawn(options.postgres, args, {
      ...serverUser(),
      // Ctrl-C in the terminal is for the tests; they decide what becomes of the server
      detached: true,
      stdio: ['ignore', log, log],
      cwd: '/',
      env: { ...serverEnvironment(), ...options.env },
    });
    closeSync(log);
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    child.unref();
    const postmaster = new Postmaster(child, child.pid as number, options.guardian);
    await postmaster.#untilReady(options, logStart);
    return postmaster;
  }

  /** A server that nobody waits for does not keep the test process running. */
  async untilEnd(): Promise<void> {
    this.#child.ref();
    await this.#ended;
  }

  /** SIGKILL for the postmaster and everything it has started, as when the machine is lost. */
  async kill(): Promise<void> {
    // stopped first, so that no backend is born between the look at the list and the end
    signalIfRunning(this.pid, 'SIGSTOP');
    const pids = [this.pid, ...(await childrenOf(this.pid))];
    for (const pid of pids) signalIfRunning(pid, 'SIGKILL');
    await this.untilEnd();
    // a surviving backend would hold the shared memory, and the next start would be refused
    await eventually(async () => !(await Promise.all(pids.map(isRunning))).includes(true), {
      intervalMs: 2,
      what: 'the end of all backends',
    });
  }

  async #untilReady(options: PostmasterOptions, logStart: number): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (!(await isReady(options.dataDirectory, this.pid))) {
      if (this.#hasEnded || performance.now() > deadline) {
        const log = (await readFile(options.logFile)).subarray(logStart).toString();
        if (!this.#hasEnded) await this.kill();
        const message = `PostgreSQL did not start on port ${options.port}:\n${log}`;
        throw log.includes('could not bind') ? new PortTakenError(message) : new Error(message);
      }
      await sleep(5);
    }
  }
}

/** postmaster.pid: the pid in the first line, the state in the eighth, as pg_ctl reads it. */
async function isReady(dataDirectory: string, pid: number): Promise<boolean> {
  const text = await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready';
}

async function sizeOf(path: string): Promise<number> {
  const file = await open(path, 'r');
  try {
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}
