// What the tests see of a PostgreSQL server, and how they get one of their own.

import type { Settings } from './data-directory.ts';
import { OwnServer } from './own-server.ts';
import type { Major } from './postgres-binaries.ts';
import { RunningServer, runningServerUrl } from './running-server.ts';
import type { Row } from './text-query.ts';

export type ShutdownMode = 'smart' | 'fast' | 'immediate';

export interface PostgresServer {
  readonly major: Major;
  readonly port: number;
  readonly dataDirectory: string;
  /** Whether it may be stopped, killed and set: false for a shared and for a running one. */
  readonly isOwn: boolean;
  url(database: string): string;
  /** Values are text; parameters are optional; opens and closes a connection. */
  query(database: string, sql: string, params?: unknown[]): Promise<Row[]>;
  /** The postmaster's. */
  pid(): number;
  log(): Promise<string>;
  /** ALTER SYSTEM and reload (null: back to what the server was started with). */
  set(setting: string, value: string | null): Promise<void>;
  /** Returns how many milliseconds it took. */
  stop(mode?: ShutdownMode): Promise<number>;
  /** SIGKILL for all its processes. */
  kill(): Promise<void>;
  /** The same data on the same port, after stop() or kill(). */
  start(): Promise<void>;
  restart(mode?: ShutdownMode): Promise<void>;
  /** Stops and deletes it. Nothing happens to a server that is not ours. */
  remove(): Promise<void>;
}

export interface ServerOptions {
  major: Major;
  settings?: Settings;
  /** Shows in the name of its folder. */
  name?: string;
  /** Added to the little that a server is given of an environment. */
  env?: Record<string, string>;
}

/** A fresh server on a free port of 127.0.0.1, which ends at the latest with this process. */
export async function startServer(options: ServerOptions): Promise<PostgresServer> {
  const url = runningServerUrl(options.major);
  if (url === undefined) return await OwnServer.create(options);
  const variable = `TEST_PG_${options.major}`;
  if (options.settings) {
    throw new Error(
      `${variable} is a running server: it cannot be given ${Object.keys(options.settings).join(', ')}`,
    );
  }
  return new RunningServer({ major: options.major, url, why: `${variable} is a running server` });
}
