import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createDataDirectory } from './data-directory.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { type Major, type PostgresBinaries, postgresBinaries } from './postgres-binaries.ts';
import type { PostgresServer, ServerOptions, ShutdownMode } from './postgres-server.ts';
import { PortTakenError, Postmaster } from './postmaster.ts';
import { signalIfRunning } from './process-tree.ts';
import { runAsServerUser, serverUser } from './server-user.ts';
import { createServerFolder, type TemporaryFolder } from './temporary-folder.ts';
import { queryText, type Row } from './text-query.ts';

const signals = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/** A server in a folder of its own, on a port that it keeps. */
export class OwnServer implements PostgresServer {
  readonly isOwn = true;
  readonly major: Major;
  readonly folder: TemporaryFolder;
  readonly dataDirectory: string;
  readonly #binaries: PostgresBinaries;
  readonly #logFile: string;
  readonly #env: Record<string, string>;
  #port = 0;
  #postmaster: Postmaster | undefined;

  private constructor(
    major: Major,
    binaries: PostgresBinaries,
    folder: TemporaryFolder,
    dataDirectory: string,
    env: Record<string, string>,
  ) {
    this.major = major;
    this.folder = folder;
    this.dataDirectory = dataDirectory;
    this.#binaries = binaries;
    this.#logFile = join(folder.path, 'log');
    this.#env = env;
  }

  static async create({ major, settings = {}, name, env = {} }: ServerOptions): Promise<OwnServer> {
    const binaries = await postgresBinaries(major);
    const folder = createServerFolder(`postgres-${major}${name ? `-${name}` : ''}`);
    try {
      const dataDirectory = await createDataDirectory(folder.path, major, settings);
      const server = new OwnServer(major, binaries, folder, dataDirectory, env);
      await server.#startOnFreePort();
      return server;
    } catch (error) {
      folder.guardian.close();
      throw error;
    }
  }

  /** Of one that is stopped. `prepare` may change the copy before it starts on a port of its own. */
  static async copyOf(
    original: OwnServer,
    prepare: (dataDirectory: string) => Promise<void>,
  ): Promise<OwnServer> {
    const folder = createServerFolder(`postgres-${original.major}-copy`);
    try {
      const dataDirectory = join(folder.path, 'data');
      await runAsServerUser('cp', ['-a', original.dataDirectory, dataDirectory]);
      await prepare(dataDirectory);
      const server = new OwnServer(
        original.major,
        original.#binaries,
        folder,
        dataDirectory,
        original.#env,
      );
      await server.#startOnFreePort();
      return server;
    } catch (error) {
      folder.guardian.close();
      throw error;
    }
  }

  /** Of one that is stopped: the data directory becomes that of the other, which is stopped too. */
  async becomeCopyOf(other: OwnServer): Promise<void> {
    await rm(this.dataDirectory, { recursive: true });
    await runAsServerUser('cp', ['-a', other.dataDirectory, this.dataDirectory]);
  }

  get port(): number {
    return this.#port;
  }

  url(database: string): string {
    return `postgresql://postgres@127.0.0.1:${this.#port}/${encodeURIComponent(database)}`;
  }

  query(database: string, sql: string, params?: unknown[]): Promise<Row[]> {
    return queryText(this.url(database), sql, params);
  }

  pid(): number {
    return this.#running().pid;
  }

  async log(): Promise<string> {
    return await readFile(this.#logFile, 'utf8');
  }

  async set(setting: string, value: string | null): Promise<void> {
    const assignment = value === null ? 'default' : `'${value.replaceAll("'", "''")}'`;
    const loaded = `select pg_conf_load_time()::text as at`;
    const [before] = await this.query('postgres', loaded);
    await this.query('postgres', `alter system set ${setting} = ${assignment}`);
    await this.query('postgres', 'select pg_reload_conf()');
    // the postmaster reads the files some time after the signal, and new sessions inherit from it
    await eventually(
      async () => (await this.query('postgres', loaded))[0]?.['at'] !== before?.['at'],
      { what: `the reload for ${setting}` },
    );
  }

  async stop(mode: ShutdownMode = 'fast'): Promise<number> {
    const postmaster = this.#running();
    const began = performance.now();
    signalIfRunning(postmaster.pid, signals[mode]);
    const timer = new AbortController();
    const timeout = sleep(60_000, 'late', { signal: timer.signal }).catch(() => undefined);
    const late = await Promise.race([postmaster.untilEnd(), timeout]);
    timer.abort();
    if (late) throw new Error(`${mode} stop takes more than a minute:\n${await this.log()}`);
    return performance.now() - began;
  }

  async kill(): Promise<void> {
    await this.#running().kill();
  }

  async start(): Promise<void> {
    if (this.#postmaster && !this.#postmaster.hasEnded) throw new Error('the server is running');
    this.#postmaster = await Postmaster.start({
      postgres: this.#binaries.postgres,
      dataDirectory: this.dataDirectory,
      port: this.#port,
      logFile: this.#logFile,
      guardian: this.folder.guardian,
      env: this.#env,
    });
  }

  async restart(mode: ShutdownMode = 'fast'): Promise<void> {
    await this.stop(mode);
    await this.start();
  }

  async remove(): Promise<void> {
    const isRunning = this.#postmaster && !this.#postmaster.hasEnded;
    if (isRunning) await this.stop('immediate');
    else await this.#freeSharedMemory();
    await rm(this.folder.path, { recursive: true, force: true });
    this.folder.guardian.close();
  }

  async #startOnFreePort(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#port = await freePort();
      try {
        return await this.start();
      } catch (error) {
        if (!(error instanceof PortTakenError) || attempt === 10) throw error;
      }
    }
  }

  /** A killed server leaves a System V segment behind; a machine has only so many of them. */
  async #freeSharedMemory(): Promise<void> {
    const pidFile = await readFile(join(this.dataDirectory, 'postmaster.pid'), 'utf8').catch(
      () => '',
    );
    // the seventh line: key and id
    const id = pidFile.split('\n')[6]?.trim().split(/\s+/)[1];
    if (!id) return;
    await promisify(execFile)('ipcrm', ['-m', id], { ...serverUser() }).catch(() => undefined);
  }

  #running(): Postmaster {
    if (!this.#postmaster || this.#postmaster.hasEnded)
      throw new Error('the server is not running');
    return this.#postmaster;
  }
}
