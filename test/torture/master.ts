// A database under test: a server of its own, the proxy through which the replicator reaches it, and
// tables for the checks that are not replicated.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Major } from '../support/postgres-binaries.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import { createProxy, type TcpProxy } from '../support/proxy.ts';
import type { Row } from '../support/text-query.ts';
import { libfaketime } from './libfaketime.ts';
import type { Workload } from './workloads/workload.ts';

const dbname = 'torture';

export class Master {
  readonly name: string;
  /** From 0 on; also what decides ties, as in the replicator's file. */
  readonly index: number;
  readonly server: PostgresServer;
  readonly proxy: TcpProxy;
  /** How far the clock was put ahead or back last; undefined when that is not possible. */
  clockOffsetMs: number | undefined;
  readonly #clockFile: string;
  #next = 0;

  private constructor(index: number, server: PostgresServer, proxy: TcpProxy, clockFile: string) {
    this.index = index;
    this.name = `m${index + 1}`;
    this.server = server;
    this.proxy = proxy;
    this.#clockFile = clockFile;
    this.clockOffsetMs = libfaketime() === undefined ? undefined : 0;
  }

  static async start(
    index: number,
    major: Major,
    workloads: readonly Workload[],
    folder: string,
  ): Promise<Master> {
    const clockFile = join(folder, `clock-m${index + 1}`);
    await writeFile(clockFile, '+0', { mode: 0o644 });
    const server = await startServer({
      major,
      name: `torture-m${index + 1}`,
      settings: {
        // so that what is frozen or silent is noticed within a run
        wal_sender_timeout: '8s',
        deadlock_timeout: '200ms',
      },
      env: clockEnvironment(clockFile),
    });
    const master = new Master(index, server, await createProxy(server.port), clockFile);
    await server.query('postgres', `create database ${dbname}`);
    for (const { ddl } of [ownTables, ...workloads]) await master.query(ddl);
    return master;
  }

  get url(): string {
    return this.server.url(dbname);
  }

  /** Through the proxy: how the replicator knows it. */
  get proxiedUrl(): string {
    const url = new URL(this.url);
    url.port = String(this.proxy.port);
    return url.href;
  }

  /** Numbers the operations of all clients of this database. */
  nextTurn(): number {
    this.#next += 1;
    return this.#next;
  }

  query(sql: string, values?: unknown[]): Promise<Row[]> {
    return this.server.query(dbname, sql, values);
  }

  async setClock(offsetMs: number): Promise<void> {
    this.clockOffsetMs = offsetMs;
    await writeFile(this.#clockFile, `${offsetMs < 0 ? '' : '+'}${offsetMs / 1000}`);
  }

  async remove(): Promise<void> {
    await this.proxy.close();
    await this.server.remove();
  }
}

/** Each operation leaves a marker in its own transaction, which tells later whether it committed, and
 * when: the commit time of its xmin. Arrivals are rows of `append` that were applied here. */
const ownTables: Workload = {
  name: 'own tables',
  tables: [],
  ddl: `create schema torture;
    create table torture.marker (op bigint primary key);
    create table torture.arrival (seq bigserial, op bigint not null, client text not null,
      n int not null, at timestamptz not null default clock_timestamp());
    create function torture.arrived() returns trigger language plpgsql as $$
      begin
        insert into torture.arrival (op, client, n) values (new.op, new.client, new.n);
        return null;
      end $$`,
  act: async () => undefined,
};

function clockEnvironment(clockFile: string): Record<string, string> {
  const library = libfaketime();
  if (library === undefined) return {};
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: clockFile,
    FAKETIME_CACHE_DURATION: '1',
    // timeouts go on as they are: only the time of day is wrong
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
}
