// START_REPLICATION and its CopyBoth stream. The library carries the bytes and nothing else: it
// would acknowledge the last received position plus one, on a timer, and resume from memory. So one
// object serves one attempt, its timer and its parser stay off, and we write our own status.
import type { Socket } from 'node:net';
import type pg from 'pg';
import { LogicalReplicationService } from 'pg-logical-replication';
import type { DatabaseConfig } from '../../config/config.ts';
import { commitTimeOf } from '../../model/commit-time.ts';
import { ReplicatorError } from '../../model/errors.ts';
import { type Lsn, parseLsn } from '../../model/lsn.ts';
import { connectError } from '../../postgres/connect-error.ts';
import { quoteIdentifier, quoteLiteral } from '../../postgres/identifiers.ts';
import type { ServerFacts } from '../../postgres/server-facts.ts';
import { clientConfig, newerSettings } from '../../postgres/session.ts';
import { fromPostgres } from '../../postgres/sqlstate.ts';
import { encodeStandbyStatus, type StandbyStatus } from './standby-status.ts';

export interface StreamOptions {
  readonly slot: string;
  readonly publication: string;
  /** The server that was verified; another one may answer by now. */
  readonly server: Pick<ServerFacts, 'major' | 'systemIdentifier' | 'timeline'>;
  /** One pgoutput message; the bytes are only valid during the call (the driver reuses them). */
  readonly onMessage: (message: Buffer) => void;
  /** `sentAt`: the server's clock, as a commit time. */
  readonly onKeepalive: (walEnd: Lsn, replyRequested: boolean, sentAt: bigint) => void;
}

/** After so many connect_timeouts, the first for connecting, a server has had time to begin. */
const startPatience = 3;

/** The parts of the driver's connection that its types do not show. */
interface WireConnection {
  readonly stream: Socket;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/** What the library calls a plugin: it starts the stream and is given every message. */
class RawPlugin {
  readonly name = 'pgoutput';
  readonly options: StreamOptions;
  connection: WireConnection | undefined;
  pid = 0;
  fail: (error: unknown) => void = () => {};
  /** The stream has ended; what the driver has read already is not handed on any more. */
  over = false;

  constructor(options: StreamOptions) {
    this.options = options;
  }

  async start(client: pg.Client, slot: string): Promise<unknown> {
    const wire = client as unknown as { connection: WireConnection; processID: number };
    this.connection = wire.connection;
    this.pid = wire.processID;
    const { publication, server } = this.options;
    const options = [
      "proto_version '1'",
      `publication_names ${quoteLiteral(quoteIdentifier(publication))}`,
      // Filters at the source.
      ...(server.major >= 16 ? ["origin 'none'"] : []),
    ];
    await client.query(newerSettings);
    refuseAnother(server, (await client.query('IDENTIFY_SYSTEM')).rows[0]);
    // 0/0: the slot itself knows where it stands.
    return await client.query(
      `START_REPLICATION SLOT ${quoteIdentifier(slot)} LOGICAL 0/0 (${options.join(', ')})`,
    );
  }

  parse(message: Buffer): undefined {
    this.guard(() => this.options.onMessage(message));
  }

  // An exception would surface in the socket's callback and end the process. After one, the rest of
  // what was read with it must not follow: a COMMIT without one of its rows would lose that row.
  guard(handle: () => void): void {
    if (this.over) return;
    try {
      handle();
    } catch (error) {
      this.fail(error);
    }
  }
}

/** The library takes 2000-01-01 for a week earlier. */
const libraryEpochMs = 7 * 24 * 3_600_000;

/** An address may lead to a standby that was promoted a moment ago. */
function refuseAnother(
  verified: StreamOptions['server'],
  found: Readonly<Record<string, unknown>> | undefined,
): void {
  if (
    String(found?.['systemid']) === verified.systemIdentifier &&
    BigInt(String(found?.['timeline'])) === verified.timeline
  )
    return;
  throw new ReplicatorError('SERVER_BUSY', 'another server answers than a moment ago');
}

export class ReplicationStream {
  readonly #plugin: RawPlugin;
  readonly #service: LogicalReplicationService;
  readonly #where: string;
  readonly #ended = new AbortController();
  #lastByteAt = Date.now();
  #bytesRead = 0;

  private constructor(plugin: RawPlugin, service: LogicalReplicationService, where: string) {
    this.#plugin = plugin;
    this.#service = service;
    this.#where = where;
  }

  /** Throws ReplicatorError: SLOT_ACTIVE while another process reads the slot. */
  static async open(database: DatabaseConfig, options: StreamOptions): Promise<ReplicationStream> {
    const plugin = new RawPlugin(options);
    const service = new LogicalReplicationService(
      await clientConfig(database, { purpose: 'walsender', name: database.name }),
      { acknowledge: { auto: false, timeoutSeconds: 0 } },
    );
    const stream = new ReplicationStream(plugin, service, `${database.name} (walsender)`);
    plugin.fail = (error) => stream.end(error);
    service.on('error', (error) => stream.end(error));
    service.on('heartbeat', (lsn: string, sentMs: number, replyRequested: boolean) =>
      plugin.guard(() =>
        options.onKeepalive(parseLsn(lsn), replyRequested, commitTimeOf(sentMs + libraryEpochMs)),
      ),
    );
    // The end of the stream counts as well: to the library a connection that is lost before the
    // stream began is no error, and one that stays silent is none either.
    const started = new Promise<void>((resolve, reject) => {
      service.once('start', resolve);
      service.subscribe(plugin, options.slot).then(
        () => stream.end(new Error('the server ended the stream')),
        (error) => {
          reject(error);
          stream.end(error);
        },
      );
      stream.ended.addEventListener('abort', () => reject(stream.ended.reason), { once: true });
    });
    const patience = setTimeout(
      () => stream.end(new Error('no reply to START_REPLICATION')),
      startPatience * database.connectTimeoutMs,
    );
    try {
      await started;
    } catch (error) {
      stream.destroy();
      throw plugin.connection === undefined ? connectError(error, database) : stream.#reason(error);
    } finally {
      clearTimeout(patience);
    }
    return stream;
  }

  /** Aborted, with a ReplicatorError as its reason, when the stream is over for any cause. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** The walsender's process id. */
  get pid(): number {
    return this.#plugin.pid;
  }

  /** For a watchdog that asks at intervals; the server speaks twice per wal_sender_timeout. */
  get silentMs(): number {
    const bytesRead = this.#socket?.bytesRead ?? 0;
    if (bytesRead !== this.#bytesRead) this.#lastByteAt = Date.now();
    this.#bytesRead = bytesRead;
    return Date.now() - this.#lastByteAt;
  }

  /** Stops reading; the server then waits, but still reads our status. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#lastByteAt = Date.now();
    this.#socket?.resume();
  }

  sendStatus(status: StandbyStatus, replyRequested = false): void {
    if (this.#ended.signal.aborted) return;
    this.#plugin.connection?.sendCopyFromChunk(encodeStandbyStatus(status, replyRequested));
  }

  /** Ends the stream in order, so that the last status is read; gives up after a second. */
  async close(): Promise<void> {
    if (!this.#ended.signal.aborted) {
      this.resume();
      this.#plugin.connection?.endCopyFrom();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1_000);
        this.#ended.signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    this.destroy();
  }

  destroy(): void {
    this.end(new Error('given up'));
    this.#socket?.destroy();
  }

  get #socket(): Socket | undefined {
    return this.#plugin.connection?.stream;
  }

  /** Ends it at once, for that reason. */
  end(error: unknown): void {
    if (this.#ended.signal.aborted) return;
    this.#plugin.over = true;
    this.#ended.abort(this.#reason(error));
    this.#socket?.destroy();
    this.#service.destroy().catch(() => {});
  }

  #reason(error: unknown): ReplicatorError {
    const ours = fromPostgres(error, this.#where);
    // 55000 object_not_in_prerequisite_state: the slot was invalidated, its WAL is gone.
    if (ours.sqlstate === '55000')
      return new ReplicatorError('SLOT_LOST', ours.message, { sqlstate: '55000' });
    // 42704 undefined_object: up to 17 a publication that was dropped or recreated while behind.
    if (ours.sqlstate === '42704')
      return new ReplicatorError('PUBLICATION_CHANGED', ours.message, { sqlstate: '42704' });
    return ours;
  }
}
