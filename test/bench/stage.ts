// The servers that everything is measured on, set as one would set them in production, and the
// databases that a workload makes on them.
import pg from 'pg';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';

/** Beyond the tests' own; the same on every server and for whoever replicates. */
export const settings = {
  fsync: 'on',
  synchronous_commit: 'on',
  shared_buffers: '512MB',
  max_wal_size: '8GB',
  checkpoint_timeout: '30min',
  wal_level: 'logical',
  track_commit_timestamp: 'on',
  max_wal_senders: '20',
  max_replication_slots: '40',
  max_worker_processes: '40',
  max_logical_replication_workers: '30',
};

export type ServerName = 'first' | 'second' | 'third';

export class Stage {
  readonly servers: Readonly<Record<ServerName, PostgresServer>>;
  /** What amounts and durations are multiplied with; 1 is a full run. */
  readonly scale: number;
  #leftovers: (() => Promise<unknown>)[] = [];

  private constructor(servers: Record<ServerName, PostgresServer>, scale: number) {
    this.servers = servers;
    this.scale = scale;
  }

  static async open(scale: number): Promise<Stage> {
    const start = (name: ServerName) => startServer({ major: 18, settings, name: `bench-${name}` });
    const [first, second, third] = await Promise.all([
      start('first'),
      start('second'),
      start('third'),
    ]);
    return new Stage({ first, second, third }, scale);
  }

  /** So many rows or transactions of a full run, at this run's scale. */
  amount(full: number): number {
    return Math.max(100, Math.round(full * this.scale));
  }

  /** Seconds of a full run, at this run's scale but long enough to mean something. */
  seconds(full: number): number {
    return Math.max(2, Math.round(full * this.scale));
  }

  async database(server: ServerName, name: string, schema: string): Promise<TestDatabase> {
    const database = await createDatabase(this.servers[server], `bench ${name}`);
    this.onClear(() => database.drop());
    await database.query(schema);
    await database.query('vacuum (analyze)');
    return database;
  }

  async connect(database: TestDatabase): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: database.url, application_name: 'bench' });
    // A lost connection also fails the query, which is where it is reported.
    client.on('error', () => {});
    await client.connect();
    this.onClear(() => client.end());
    return client;
  }

  onClear(undo: () => Promise<unknown>): void {
    this.#leftovers.push(undo);
  }

  /** Undoes what a workload made, the latest first. */
  async clear(): Promise<void> {
    const leftovers = this.#leftovers.reverse();
    this.#leftovers = [];
    for (const undo of leftovers) await undo();
    // Else the next workload would pay for writing back what this one has left.
    for (const server of Object.values(this.servers)) await server.query('postgres', 'checkpoint');
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.servers).map((server) => server.remove()));
  }
}
