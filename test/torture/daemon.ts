// The replicator under test: kept running whatever happens to it, and watched.
import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProgramOptions } from '../support/built-program.ts';
import {
  type LogLine,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { type CliResult, runCli } from '../support/run-cli.ts';

export class Daemon {
  readonly configPath: string;
  /** What it logged as needing a person. In a run everything mends itself. */
  readonly errors: LogLine[] = [];
  /** Ends that nobody asked for. */
  readonly ownEnds: string[] = [];
  /** Of all its lives. */
  peakRssBytes = 0;
  starts = 0;
  readonly options: ProgramOptions;
  #process: ReplicatorProcess | undefined;
  #wanted = false;
  #watching: NodeJS.Timeout | undefined;

  constructor(configPath: string, options: ProgramOptions) {
    this.configPath = configPath;
    this.options = options;
  }

  start(): void {
    this.#wanted = true;
    this.starts += 1;
    const replicator = startReplicator(this.configPath, this.options);
    this.#process = replicator;
    this.#watching ??= setInterval(() => void this.#readMemory(), 500);
    void replicator.untilExit().then(async ({ code, signal }) => {
      this.#keepErrors(replicator);
      const lines = replicator.logs.map((line) => `${JSON.stringify(line)}\n`);
      appendFileSync(join(dirname(this.configPath), 'replicator.log'), lines.join(''));
      if (!this.#wanted || this.#process !== replicator) return;
      this.ownEnds.push(`code ${code}, signal ${signal}: ${replicator.stderr.slice(-500)}`);
      await sleep(200);
      if (this.#wanted) this.start();
    });
  }

  /** Runs a command of the same build with the same file. */
  async command(args: string[], timeoutMs: number): Promise<CliResult> {
    return await runCli([...args, '-c', this.configPath], { ...this.options, timeoutMs });
  }

  get isRunning(): boolean {
    return this.#wanted;
  }

  async kill(): Promise<void> {
    this.#wanted = false;
    await this.#process?.kill();
  }

  /** SIGTERM; throws when it takes more than half a minute. Says what was wrong with its end. */
  async stop(): Promise<string | undefined> {
    this.#wanted = false;
    const replicator = this.#process;
    const exit = await replicator?.stop();
    // before its first line it is Node that starts, and a signal ends it like any program
    const isUnborn = exit?.signal === 'SIGTERM' && replicator?.logs.length === 0;
    if (exit === undefined || exit.code === 0 || isUnborn) return undefined;
    return `code ${exit.code}, signal ${exit.signal} after SIGTERM`;
  }

  freeze(): void {
    this.#process?.signal('SIGSTOP');
  }

  thaw(): void {
    this.#process?.signal('SIGCONT');
  }

  async end(): Promise<void> {
    clearInterval(this.#watching);
    this.thaw();
    await this.kill();
  }

  /** Errors of a running process as well; call it when something is to be said about them. */
  collect(replicator = this.#process): void {
    if (replicator) this.#keepErrors(replicator);
  }

  get logTail(): readonly LogLine[] {
    return this.#process?.logs.slice(-40) ?? [];
  }

  #keepErrors({ logs }: ReplicatorProcess): void {
    for (const line of logs)
      if ((line.level === 'error' || line.level === 'fatal') && !this.errors.includes(line))
        this.errors.push(line);
  }

  async #readMemory(): Promise<void> {
    if (!this.#process) return;
    const path = `/proc/${this.#process.pid}/status`;
    const status = await readFile(path, 'utf8').catch(() => '');
    const kilobytes = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    this.peakRssBytes = Math.max(this.peakRssBytes, kilobytes * 1024);
  }
}
