// One connection to one database, which cannot hang for ever: a peer that went silent is noticed.
import type { Socket } from 'node:net';
import type pg from 'pg';
import type { DatabaseConfig } from '../config/config.ts';
import { asReplicatorError, ReplicatorError } from '../model/errors.ts';
import { clientConfig, newerSettings, type SessionOptions } from './client-config.ts';
import { connectError } from './connect-error.ts';
import { quoteIdentifier } from './identifiers.ts';
import { newClient } from './new-client.ts';
import { fromPostgres } from './sqlstate.ts';
import {
  type GroupResult,
  type Statement,
  StatementGroup,
  type WireConnection,
} from './statement-group.ts';

export type Row = Readonly<Record<string, string | null>>;

export class Session {
  readonly database: DatabaseConfig;
  readonly #client: pg.Client;
  readonly #where: string;
  readonly #replyTimeoutMs: number;
  readonly #askAfterMs: number;
  #asking = false;
  readonly #lost = new AbortController();
  readonly #prepared = new Map<string, string>();
  #lastByteAt = performance.now();
  #bytesRead = 0;
  #pending = 0;
  #pendingGroups = 0;
  #watchdog: NodeJS.Timeout | undefined;

  private constructor(database: DatabaseConfig, client: pg.Client, options: SessionOptions) {
    this.database = database;
    this.#client = client;
    this.#where = `${database.name} (${options.purpose})`;
    this.#replyTimeoutMs = options.replyTimeoutMs ?? 60_000;
    this.#askAfterMs = options.askAfterMs ?? Number.POSITIVE_INFINITY;
    client.on('error', (error) => this.#lose(error));
    client.on('end', () => this.#lose(new Error('connection closed')));
  }

  /** Throws ReplicatorError; never leaves a half-open connection behind. */
  static async connect(database: DatabaseConfig, options: SessionOptions): Promise<Session> {
    const client = newClient(await clientConfig(database, options));
    try {
      await client.connect();
      const session = new Session(database, client, options);
      await session.query(newerSettings);
      return session;
    } catch (error) {
      destroySocket(client);
      throw mayNotConnect(connectError(error, database), database);
    }
  }

  /** Aborted with a ReplicatorError as its reason once the connection is gone for any reason. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** The server's process id, as in pg_stat_activity. */
  get pid(): number {
    return (this.#client as unknown as { processID: number }).processID;
  }

  /** Runs one statement (several without parameters) and gives its rows as raw text. */
  async query<R extends Row = Row>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    const result = await this.#reply(
      this.#client.query(values.length === 0 ? text : { text, values: [...values] }),
    );
    const last = (Array.isArray(result) ? result.at(-1) : result) as pg.QueryResult<R>;
    return last.rows;
  }

  /** The one row that the statement gives. Throws INTERNAL when there is none or another. */
  async one<R extends Row = Row>(text: string, values: readonly unknown[] = []): Promise<R> {
    const rows = await this.query<R>(text, values);
    const row = rows[0];
    if (row === undefined || rows.length !== 1)
      throw new ReplicatorError('INTERNAL', `${this.#where}: expected one row, got ${rows.length}`);
    return row;
  }

  /** Runs `work` between BEGIN and COMMIT. A COMMIT that the server turned into ROLLBACK throws. */
  async transaction<T>(work: () => Promise<T>, begin = 'begin'): Promise<T> {
    await this.query(begin);
    let result: T;
    try {
      result = await work();
    } catch (error) {
      if (!this.#lost.signal.aborted) await this.query('rollback').catch(() => this.destroy());
      throw error;
    }
    const done = (await this.#reply(this.#client.query('commit'))) as pg.QueryResult;
    if (done.command !== 'COMMIT')
      throw new ReplicatorError('INTERNAL', `${this.#where}: COMMIT ended as ${done.command}`);
    return result;
  }

  /**
   * Sends the statements in one go behind a single Sync: the first that fails makes the server skip
   * all that follow, a COMMIT among them. Resolves with one result per statement.
   */
  async group(statements: readonly Statement[]): Promise<readonly GroupResult[]> {
    return await this.#group(statements, false);
  }

  /**
   * The same, sent at once although the reply to another group is awaited. Whatever becomes of that, this
   * one is run behind it: it must fail by itself where it may not.
   */
  async groupBehind(statements: readonly Statement[]): Promise<readonly GroupResult[]> {
    if (this.#pending !== this.#pendingGroups)
      throw new ReplicatorError('INTERNAL', `${this.#where}: a group behind what is none`);
    return await this.#group(statements, true);
  }

  async #group(statements: readonly Statement[], ahead: boolean): Promise<readonly GroupResult[]> {
    this.#pendingGroups += 1;
    try {
      return await this.#reply(
        new Promise<readonly GroupResult[]>((resolve, reject) => {
          const group = new StatementGroup(statements, this.#prepared, resolve, reject);
          this.#client.query(group as unknown as pg.Submittable);
          if (ahead) group.write(connectionOf(this.#client));
        }),
      );
    } finally {
      this.#pendingGroups -= 1;
    }
  }

  /** Out of the transaction, or back to a savepoint that it made. */
  async rollback(savepoint?: string): Promise<void> {
    await this.query(
      savepoint === undefined ? 'rollback' : `rollback to ${savepoint}; release ${savepoint}`,
    );
  }

  /** The driver's client, for COPY streams only. */
  get client(): pg.Client {
    return this.#client;
  }

  async close(): Promise<void> {
    clearInterval(this.#watchdog);
    if (this.#lost.signal.aborted) return destroySocket(this.#client);
    // A peer that does not answer must not hold up a shutdown.
    const giveUp = setTimeout(() => this.destroy(), 1_000);
    await this.#client.end().catch(() => {});
    clearTimeout(giveUp);
  }

  /** Ends the connection at once, in whatever state it is. */
  destroy(): void {
    this.#lose(new Error('connection given up'));
    destroySocket(this.#client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #reply<T>(reply: Promise<T>): Promise<T> {
    this.#lastByteAt = performance.now();
    this.#pending += 1;
    this.#watchdog ??= this.#watch();
    try {
      return await reply;
    } catch (error) {
      if (this.#lost.signal.aborted) throw this.#lost.signal.reason;
      throw fromPostgres(error, this.#where);
    } finally {
      this.#pending -= 1;
    }
  }

  // A write to a dead peer raises no error for many minutes, so the watch is on what is read.
  #watch(): NodeJS.Timeout {
    const limitMs = Math.min(this.#replyTimeoutMs, this.#askAfterMs);
    const interval = Math.max(50, Math.min(1_000, limitMs / 4));
    return setInterval(() => {
      // Not by listening for data: COPY streams insist on being the only listener.
      const bytesRead = socketOf(this.#client)?.bytesRead ?? 0;
      if (bytesRead !== this.#bytesRead) this.#lastByteAt = performance.now();
      this.#bytesRead = bytesRead;
      if (this.#silentMs >= this.#replyTimeoutMs) this.#giveUp();
      else if (this.#silentMs >= this.#askAfterMs) void this.#ask();
    }, interval).unref();
  }

  /** How long a reply has been waited for. */
  get #silentMs(): number {
    return this.#pending === 0 ? 0 : performance.now() - this.#lastByteAt;
  }

  #giveUp(): void {
    this.#lose(new Error(`no reply for ${Math.round(this.#silentMs)} ms`));
    destroySocket(this.#client);
  }

  // A network that swallows everything looks like a statement that takes long. A backend that waits
  // for us has not got it, or its reply was lost: https://www.postgresql.org/docs/current/monitoring-stats.html
  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const asked = { purpose: 'status', name: this.database.name, replyTimeoutMs: 10_000 } as const;
    try {
      await using session = await Session.connect(this.database, asked);
      const working = await session.query(
        `select from pg_catalog.pg_stat_activity where pid = $1 and state = 'active'`,
        [this.pid],
      );
      if (working.length === 0 && this.#silentMs >= this.#askAfterMs) this.#giveUp();
    } catch (error) {
      // A server that refuses one more connection is there.
      const { code } = asReplicatorError(error);
      const isSilent = code === 'UNREACHABLE' || code === 'CONNECTION_LOST';
      if (isSilent && this.#silentMs >= this.#askAfterMs) this.#giveUp();
    } finally {
      this.#asking = false;
    }
  }

  #lose(error: Error): void {
    clearInterval(this.#watchdog);
    if (this.#lost.signal.aborted) return;
    const ours = fromPostgres(error, this.#where);
    this.#lost.abort(ours);
  }
}

/** At this point the only privilege that can be missing; a walsender needs others. */
function mayNotConnect(error: ReplicatorError, { dbname, user }: DatabaseConfig): ReplicatorError {
  if (error.sqlstate !== '42501') return error;
  const hint = `grant connect on database ${quoteIdentifier(dbname)} to ${quoteIdentifier(user)}`;
  return new ReplicatorError(error.code, error.message, { hint, sqlstate: error.sqlstate });
}

/** What the driver's types do not show. */
function connectionOf(client: pg.Client): WireConnection {
  return (client as unknown as { connection: WireConnection }).connection;
}

function socketOf(client: pg.Client): Socket | undefined {
  return (client as unknown as { connection?: WireConnection }).connection?.stream;
}

function destroySocket(client: pg.Client): void {
  socketOf(client)?.destroy();
}
