// A TCP proxy in front of a server, with which a test breaks the network.
import { createServer, type Server, type Socket } from 'node:net';
import { freePort } from './free-port.ts';
import { type BlackholedWays, type ChunkHook, ProxyConnection } from './proxy-connection.ts';

/** Listens on 127.0.0.1 and keeps its port until it is closed. */
export async function createProxy(targetPort: number): Promise<TcpProxy> {
  for (let attempt = 1; ; attempt++) {
    const proxy = new TcpProxy(await freePort(), targetPort);
    try {
      await proxy.refuse(false);
      return proxy;
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!isTaken || attempt === 10) throw error;
    }
  }
}

export class TcpProxy {
  readonly port: number;
  /** May be changed: what connects from then on goes there. */
  targetPort: number;
  /** Holds up every chunk in both directions. */
  delayMs = 0;
  bytesPerSecond = Number.POSITIVE_INFINITY;
  /** Lets every chunk through in pieces of that size. */
  pieceBytes = Number.POSITIVE_INFINITY;
  onClientData: ChunkHook | undefined;
  onServerData: ChunkHook | undefined;
  readonly #listener: Server;
  readonly #connections = new Set<ProxyConnection>();
  /** Their clients may be gone; their servers cannot know. */
  readonly #stranded = new Set<ProxyConnection>();
  #blackholed: BlackholedWays = { toServer: false, toClient: false };

  constructor(port: number, targetPort: number) {
    this.port = port;
    this.targetPort = targetPort;
    const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
    this.#listener = createServer(options, (client) => this.#accept(client));
  }

  get blackholed(): BlackholedWays {
    return this.#blackholed;
  }

  /** How many clients are connected. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Destroys all connections (their ends see FIN or RST); new ones are accepted. */
  cut(): void {
    for (const connection of [...this.#connections, ...this.#stranded]) connection.cut();
    this.#stranded.clear();
  }

  /** Connections stay and new ones are accepted, but nothing arrives and nobody is told. What was
   * sent meanwhile arrives when it ends. With `only` the other way stays open. */
  blackhole(on: boolean, only?: keyof BlackholedWays): void {
    this.#blackholed = {
      toServer: on && only !== 'toClient',
      toClient: on && only !== 'toServer',
    };
    for (const connection of this.#connections) connection.proceed();
  }

  /** As a firewall that has forgotten its connections: on those nothing arrives ever again, and nobody
   * is told, not even of an end; new ones pass. */
  strand(): void {
    for (const connection of this.#connections) {
      connection.strand();
      this.#stranded.add(connection);
    }
  }

  /** New connections are refused; existing ones stay. */
  async refuse(on: boolean): Promise<void> {
    if (on !== this.#listener.listening) return;
    // it stops to listen at once; its callback would wait for the existing connections
    if (on) this.#listener.close();
    else await this.#listen();
  }

  async close(): Promise<void> {
    await this.refuse(true);
    this.cut();
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#listener.once('error', reject);
      this.#listener.listen(this.port, '127.0.0.1', () => {
        this.#listener.off('error', reject);
        resolve();
      });
    });
  }

  #accept(client: Socket): void {
    const connection = new ProxyConnection(client, this);
    this.#connections.add(connection);
    client.once('close', () => this.#connections.delete(connection));
  }
}
