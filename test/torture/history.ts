// What the clients did and what was done to them, as it happened: one JSON object a line in a file,
// and the operations kept for the checks.
import { createWriteStream, type WriteStream } from 'node:fs';

/** `unknown`: the connection was lost while COMMIT was on its way. */
export type Outcome = 'ok' | 'fail' | 'unknown';

/** What an operation did to a row. */
export interface Effect {
  readonly table: string;
  readonly key: string;
  readonly kind: 'write' | 'delete';
  /** The operation that had last written the row as this one found it. */
  readonly seen?: number;
}

/** One transaction of one client. */
export interface Operation {
  readonly id: number;
  readonly master: number;
  readonly client: string;
  readonly workload: string;
  readonly effects: readonly Effect[];
  readonly outcome: Outcome;
  /** SQLSTATE, or how the connection ended. */
  readonly why?: string;
}

/** An operation's number tells where it ran, and so who wrote the row that carries it. */
const maxMasters = 16;
export const operationId = (n: number, master: number): number => n * maxMasters + master;
export const masterOf = (operation: number): number => operation % maxMasters;

export class History {
  readonly path: string;
  readonly operations: Operation[] = [];
  readonly faults = new Map<string, number>();
  readonly #file: WriteStream;
  readonly #began = performance.now();

  constructor(path: string) {
    this.path = path;
    this.#file = createWriteStream(path, { mode: 0o600 });
  }

  /** Seconds since the beginning. */
  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  invoke(operation: Pick<Operation, 'id' | 'client' | 'workload'>): void {
    this.#write({ kind: 'invoke', ...operation });
  }

  complete(operation: Operation): void {
    this.operations.push(operation);
    const { outcome, ...rest } = operation;
    this.#write({ kind: outcome, ...rest });
  }

  fault(name: string, what: string): void {
    this.faults.set(name, (this.faults.get(name) ?? 0) + 1);
    this.note('fault', { name, what });
  }

  note(kind: string, facts: object): void {
    this.#write({ kind, ...facts });
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#file.end(resolve));
  }

  #write(line: object): void {
    this.#file.write(`${JSON.stringify({ t: Number(this.seconds.toFixed(3)), ...line })}\n`);
  }
}
