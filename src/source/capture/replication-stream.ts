// START_REPLICATION and its CopyBoth stream. The driver connects, asks, and learns how it ends; what
// the stream carries is read here, and the status is our own: exact, and only what is durable.
import type { Socket } from 'node:net';
import pg from 'pg';
import type { DatabaseConfig } from '../../config/config.ts';
import { ReplicatorError } from '../../model/errors.ts';
import type { Lsn } from '../../model/lsn.ts';
import { clientConfig, newerSettings } from '../../postgres/client-config.ts';
import { connectError } from '../../postgres/connect-error.ts';
import { quoteIdentifier, quoteLiteral } from '../../postgres/identifiers.ts';
import type { ServerFacts } from '../../postgres/server-facts.ts';
import { fromPostgres } from '../../postgres/sqlstate.ts';
import { takeOver } from '../../postgres/take-over.ts';
import { MessageSplitter } from './message-splitter.ts';
import { encodeStandbyStatus, type StandbyStatus } from './standby-status.ts';
import { bufferBytes, streamSocket } from './stream-socket.ts';

export interface StreamOptions {
  readonly slot: string;
  readonly publication: string;
  /** The server that was verified; another one may answer by now. */
  readonly server: Pick<ServerFacts, 'major' | 'systemIdentifier' | 'timeline'>;
  /** One pgoutput message, from `start` to before `end`. The next read overwrites the bytes. */
  readonly onMessage: (bytes: Buffer, start: number, end: number) => void;
  readonly onKeepalive: (walEnd: Lsn, replyRequested: boolean) => void;
  /**
   * Asked when all that had come is read: for how long more is not. `sentAt`: when the last of it was sent, as a
   * commit time of the server. Default: 0, not at all.
   */
  readonly restMs?: (sentAt: number) => number;
}

/** After so many connect_timeouts, the first for connecting, a server has had time to begin. */
const startPatience = 3;

/** What a CopyData message of the stream begins with: XLogData and its head, or a keepalive, whole. */
const xlogData = 0x77;
const xlogHeadBytes = 25;
const keepalive = 0x6b;
const keepaliveBytes = 18;

/** The parts of the driver's connection that its types do not show. */
interface WireConnection {
  readonly stream: Socket;
  once(event: 'connect' | 'sslconnect' | 'replicationStart', listener: () => void): void;
  once(event: 'errorMessage', listener: (error: unknown) => void): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

export class ReplicationStream {
  readonly #options: StreamOptions;
  readonly #where: string;
  readonly #client: pg.Client;
  /** Through TLS nothing is gathered: each record is decrypted and handed on by itself. */
  readonly #plain: boolean;
  readonly #ended = new AbortController();
  #paused = false;
  #resting: NodeJS.Timeout | undefined;
  #sentAt = 0;
  #lastByteAt = performance.now();
  #bytesRead = 0;

  private constructor(database: DatabaseConfig, config: pg.ClientConfig, options: StreamOptions) {
    this.#options = options;
    this.#where = `${database.name} (walsender)`;
    this.#plain = config.ssl === false;
    const replication: object = { replication: 'database' };
    this.#client = new pg.Client({
      ...config,
      ...replication,
      // Another socket would wrap it.
      ...(this.#plain && { stream: streamSocket }),
    });
    this.#client.on('error', (error) => this.end(error));
    this.#client.on('end', () => this.end(new Error('connection closed')));
    this.#connection.once(this.#plain ? 'connect' : 'sslconnect', () => this.#takeOver());
  }

  /** Throws ReplicatorError: SLOT_ACTIVE while another process reads the slot. */
  static async open(database: DatabaseConfig, options: StreamOptions): Promise<ReplicationStream> {
    const config = await clientConfig(database, { purpose: 'walsender', name: database.name });
    const stream = new ReplicationStream(database, config, options);
    const patience = setTimeout(
      () => stream.end(new Error('no reply to START_REPLICATION')),
      startPatience * database.connectTimeoutMs,
    );
    let connected = false;
    try {
      await stream.#client.connect();
      connected = true;
      await stream.#start();
    } catch (error) {
      const cause = stream.ended.aborted ? stream.ended.reason : error;
      stream.destroy();
      if (!connected) throw connectError(cause, database);
      throw notThereAnyMore(stream.#reason(cause), options.slot);
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
    return (this.#client as unknown as { processID: number }).processID;
  }

  /** For a watchdog that asks at intervals; the server speaks twice per wal_sender_timeout. */
  get silentMs(): number {
    const { bytesRead } = this.#connection.stream;
    if (bytesRead !== this.#bytesRead) this.#lastByteAt = performance.now();
    this.#bytesRead = bytesRead;
    return performance.now() - this.#lastByteAt;
  }

  /** Stops reading; the server then waits, but still reads our status. */
  pause(): void {
    this.#paused = true;
    this.#connection.stream.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#lastByteAt = performance.now();
    this.#readOn();
  }

  /** Somebody could do something with more: an end to any rest. */
  wake(): void {
    if (this.#resting !== undefined) this.#readOn();
  }

  sendStatus(status: StandbyStatus, replyRequested = false): void {
    if (this.#ended.signal.aborted) return;
    this.#connection.sendCopyFromChunk(encodeStandbyStatus(status, replyRequested));
  }

  /** Ends the stream in order, so that the last status is read; gives up after a second. */
  async close(): Promise<void> {
    if (!this.#ended.signal.aborted) {
      this.resume();
      this.#connection.endCopyFrom();
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
  }

  get #connection(): WireConnection {
    return (this.#client as unknown as { connection: WireConnection }).connection;
  }

  async #start(): Promise<void> {
    await this.#client.query(newerSettings);
    const { slot, publication, server } = this.#options;
    refuseAnother(server, (await this.#client.query('IDENTIFY_SYSTEM')).rows[0]);
    const options = [
      "proto_version '1'",
      `publication_names ${quoteLiteral(quoteIdentifier(publication))}`,
      // Filters at the source.
      ...(server.major >= 16 ? ["origin 'none'"] : []),
    ];
    // An end that was read together with the answer before has been told already, to nobody.
    this.ended.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      this.#connection.once('replicationStart', resolve);
      // The driver tells it a moment later than it read it.
      this.#connection.once('errorMessage', (error) => this.end(error));
      this.ended.addEventListener('abort', () => reject(this.ended.reason), { once: true });
      // 0/0: the slot itself knows where it stands. The answer comes when the stream ends.
      this.#client
        .query(
          `START_REPLICATION SLOT ${quoteIdentifier(slot)} LOGICAL 0/0 (${options.join(', ')})`,
        )
        .then(
          () => this.end(new Error('the server ended the stream')),
          (error) => this.end(error),
        );
    });
  }

  #takeOver(): void {
    const splitter = new MessageSplitter({
      copyData: (bytes, start, end) => this.#receive(bytes, start, end),
      other: (message) => driver(message),
    });
    const driver = takeOver(this.#connection.stream, (bytes) => {
      // An exception would surface in the socket's callback and end the process. After one, the
      // rest of what was read must not follow: a COMMIT without one of its rows would lose it.
      try {
        splitter.read(bytes);
      } catch (error) {
        this.end(error);
      }
      // Behind a full buffer there is more.
      if (this.#plain && bytes.length < bufferBytes) this.#rest();
    });
  }

  #receive(bytes: Buffer, start: number, end: number): void {
    if (this.#ended.signal.aborted) return;
    const kind = start < end ? bytes[start] : undefined;
    if (kind === xlogData && end - start > xlogHeadBytes) {
      // Not as a bigint: there is one for every change.
      this.#sentAt = bytes.readUInt32BE(start + 17) * 2 ** 32 + bytes.readUInt32BE(start + 21);
      this.#options.onMessage(bytes, start + xlogHeadBytes, end);
    } else if (kind === keepalive && end - start === keepaliveBytes) {
      this.#options.onKeepalive(bytes.readBigUInt64BE(start + 1), bytes[start + 17] === 1);
    } else throw new ReplicatorError('PROTOCOL', `unknown message ${kind} in the stream`);
  }

  #rest(): void {
    if (this.#paused || this.#resting !== undefined || this.#ended.signal.aborted) return;
    const ms = this.#options.restMs?.(this.#sentAt) ?? 0;
    if (ms === 0) return;
    this.#connection.stream.pause();
    this.#resting = setTimeout(() => this.#readOn(), ms);
  }

  #readOn(): void {
    clearTimeout(this.#resting);
    this.#resting = undefined;
    if (!this.#paused) this.#connection.stream.resume();
  }

  /** Ends it at once, for that reason. */
  end(error: unknown): void {
    if (this.#ended.signal.aborted) return;
    clearTimeout(this.#resting);
    this.#ended.abort(this.#reason(error));
    this.#connection.stream.destroy();
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

/**
 * 42704 undefined_object as the answer to START_REPLICATION is about the slot: another process has dropped
 * it since it was looked at. The next look tells what has become of it, and of whose source it is.
 */
function notThereAnyMore(error: ReplicatorError, slot: string): ReplicatorError {
  if (error.sqlstate !== '42704') return error;
  return new ReplicatorError('SERVER_BUSY', `${slot} was dropped a moment ago`, { cause: error });
}

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
