import { connect, type Socket } from 'node:net';
import { type LaneRules, type Passing, ProxyLane } from './proxy-lane.ts';

/**
 * Sees what passes through. With 'lose' the chunk never arrives and nobody is told. With 'cut' the
 * chunk is lost and its connection is cut; with a number that many of its bytes still arrive before
 * the other side sees the end.
 */
export type ChunkHook = (
  chunk: Buffer,
  connection: ProxyConnection,
) => 'cut' | 'lose' | number | undefined;

/** In which ways nothing arrives. */
export interface BlackholedWays {
  readonly toServer: boolean;
  readonly toClient: boolean;
}

export interface ProxyRules extends LaneRules {
  readonly targetPort: number;
  readonly blackholed: BlackholedWays;
  readonly onClientData: ChunkHook | undefined;
  readonly onServerData: ChunkHook | undefined;
}

/** A client's connection to a proxy, and the proxy's own to the server. */
export class ProxyConnection implements LaneRules {
  /** Holds up every chunk of this connection in both directions, besides what holds up all. */
  ownDelayMs = 0;
  readonly #client: Socket;
  readonly #rules: ProxyRules;
  #server: Socket | undefined;
  #lanes: ProxyLane[] = [];
  #isStranded = false;

  /** The client must have been paused on connect. The rules are looked at again for every chunk. */
  constructor(client: Socket, rules: ProxyRules) {
    this.#client = client;
    this.#rules = rules;
    client.on('error', () => undefined);
    this.proceed();
  }

  get delayMs(): number {
    return this.#rules.delayMs + this.ownDelayMs;
  }

  get bytesPerSecond(): number {
    return this.#rules.bytesPerSecond;
  }

  get pieceBytes(): number {
    return this.#rules.pieceBytes;
  }

  /** To be called when the rules have changed. */
  proceed(): void {
    const isReachable = !this.#rules.blackholed.toServer && !this.#isStranded;
    if (!this.#server && !this.#client.destroyed && isReachable) this.#connect();
    for (const lane of this.#lanes) lane.pump();
  }

  /** Nothing passes any more, and no end either: both ends are left open. */
  strand(): void {
    this.#isStranded = true;
  }

  cut(): void {
    this.#client.destroy();
    this.#server?.destroy();
  }

  #connect(): void {
    const client = this.#client;
    const server = connect({
      port: this.#rules.targetPort,
      host: '127.0.0.1',
      noDelay: true,
      // the end of one direction is passed on like data, it does not end the other one
      allowHalfOpen: true,
    });
    server.on('error', () => undefined);
    this.#server = server;
    this.#lanes = [
      new ProxyLane(
        client,
        server,
        this,
        () => this.#isStranded || this.#rules.blackholed.toServer,
        (chunk) => this.#passing(chunk, this.#rules.onClientData, server),
      ),
      new ProxyLane(
        server,
        client,
        this,
        () => this.#isStranded || this.#rules.blackholed.toClient,
        (chunk) => this.#passing(chunk, this.#rules.onServerData, client),
      ),
    ];
  }

  #passing(chunk: Buffer, hook: ChunkHook | undefined, receiver: Socket): Passing {
    const verdict = hook?.(chunk, this);
    if (verdict === undefined) return { bytes: chunk };
    if (verdict === 'lose') return { bytes: chunk.subarray(0, 0) };
    if (verdict === 'cut') return { bytes: chunk.subarray(0, 0), cut: () => this.cut() };
    return { bytes: chunk.subarray(0, verdict), cut: () => this.#cutBehind(receiver) };
  }

  /** Not destroy() for who is to receive the rest: a reset could overtake what was just written. */
  #cutBehind(receiver: Socket): void {
    receiver.end();
    for (const socket of [this.#client, this.#server]) if (socket !== receiver) socket?.destroy();
  }
}
