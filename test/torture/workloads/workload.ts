// What the clients do. A workload is a kind of transaction with tables of its own; all tables carry
// `op`, the number of the operation that wrote the row last, which is what the checks go by.
import type pg from 'pg';
import type { Effect } from '../history.ts';
import type { Random } from '../random.ts';

export interface WorkloadTable {
  readonly name: string;
  /** SQL of what tells its rows apart. */
  readonly key: string;
  /** Only the first database writes it: a table without a key cannot have several writers. */
  readonly singleWriter?: true;
  /** The newest write of a key need not be what stays: a second unique key may decide. */
  readonly contested?: true;
}

export interface Workload {
  readonly name: string;
  readonly tables: readonly WorkloadTable[];
  readonly ddl: string;
  /** How often, where 1 is what most have. */
  readonly weight?: number;
  /** What a client waits for before its transaction begins. */
  readonly waitBefore?: () => Promise<void>;
  /** One transaction, `begin` and `commit` excluded. */
  act(turn: Turn): Promise<void>;
}

export interface TurnOptions {
  readonly id: number;
  /** Counts the turns of this client. */
  readonly n: number;
  readonly clientName: string;
  readonly client: pg.Client;
  readonly random: Random;
  readonly keys: number;
  readonly keysLastMs: number;
  /** Keys of this database alone: those that leave `remainder` when divided by `modulus`. */
  readonly own: { readonly modulus: number; readonly remainder: number } | undefined;
}

/** One operation in the making: its transaction, its choices, and what it has done so far. */
export class Turn {
  readonly id: number;
  readonly n: number;
  readonly clientName: string;
  readonly random: Random;
  readonly effects: Effect[] = [];
  readonly #options: TurnOptions;

  constructor(options: TurnOptions) {
    this.#options = options;
    this.id = options.id;
    this.n = options.n;
    this.clientName = options.clientName;
    this.random = options.random;
  }

  /** A key on which the clients meet. */
  key(): number {
    const { keys, keysLastMs, own, random } = this.#options;
    const before = keys * Math.floor(performance.now() / keysLastMs);
    const key = before + random.between(1, keys);
    return own ? key * own.modulus + own.remainder : key;
  }

  /** Values are text, as the server sends them. */
  async query(sql: string, values: unknown[] = []): Promise<Record<string, string | null>[]> {
    const { rows } = await this.#options.client.query({ text: sql, values });
    return rows as Record<string, string | null>[];
  }

  /** Locks a row and says which operation wrote it; undefined when there is none. */
  async seen(table: string, id: number): Promise<number | undefined> {
    const [row] = await this.query(`select op from ${table} where id = $1 for update`, [id]);
    return row && Number(row['op']);
  }

  wrote(table: string, key: number | string, seen?: number): void {
    this.#did({ table, key: String(key), kind: 'write', ...(seen !== undefined && { seen }) });
  }

  deleted(table: string, key: number | string, seen?: number): void {
    this.#did({ table, key: String(key), kind: 'delete', ...(seen !== undefined && { seen }) });
  }

  #did(effect: Effect): void {
    this.effects.push(effect);
  }
}
