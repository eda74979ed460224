// A server that somebody else runs: the one that TEST_PG_<major> names, or one that test files share.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Major } from './postgres-binaries.ts';
import type { PostgresServer } from './postgres-server.ts';
import { queryText, type Row } from './text-query.ts';

/** The URL of a running server to use for this version, if there is one. */
export function runningServerUrl(major: Major): string | undefined {
  return process.env[`TEST_PG_${major}`] || undefined;
}

export interface RunningServerOptions {
  major: Major;
  /** Of any of its databases. */
  url: string;
  /** Why it is not ours to stop; begins the error that says so. */
  why: string;
  /** Of a server on this machine that these tests have started. */
  folder?: string;
}

export class RunningServer implements PostgresServer {
  readonly isOwn = false;
  readonly major: Major;
  readonly port: number;
  readonly #options: RunningServerOptions;

  constructor(options: RunningServerOptions) {
    this.#options = options;
    this.major = options.major;
    this.port = Number(new URL(options.url).port || 5432);
  }

  get dataDirectory(): string {
    return join(this.#folder('dataDirectory'), 'data');
  }

  url(database: string): string {
    const url = new URL(this.#options.url);
    url.pathname = encodeURIComponent(database);
    return url.href;
  }

  query(database: string, sql: string, params?: unknown[]): Promise<Row[]> {
    return queryText(this.url(database), sql, params);
  }

  async log(): Promise<string> {
    return await readFile(join(this.#folder('log()'), 'log'), 'utf8');
  }

  pid = () => this.#refuse('pid()');
  set = async () => this.#refuse('set()');
  stop = async () => this.#refuse('stop()');
  kill = async () => this.#refuse('kill()');
  start = async () => this.#refuse('start()');
  restart = async () => this.#refuse('restart()');
  remove = async () => undefined;

  #folder(what: string): string {
    return this.#options.folder ?? this.#refuse(what);
  }

  #refuse(what: string): never {
    throw new Error(`${this.#options.why}: ${what} is not available`);
  }
}
