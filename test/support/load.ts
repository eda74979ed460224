// Clients that write to a database until they are told to stop, and know what was committed.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { TestDatabase } from './database.ts';

export interface Load {
  /** How many transactions were answered as committed. */
  readonly committed: number;
  /** Numbers of those whose outcome is not known: the connection broke. */
  readonly unknown: readonly number[];
  readonly committedNumbers: readonly number[];
  /** Ends after the transaction that is running; throws what a client stumbled over. */
  stop(): Promise<void>;
}

export interface LoadOptions {
  /** SQL of one transaction, `begin` and `commit` included; several statements at will. */
  transaction: (n: number) => string;
  clients?: number;
  /** Pause of each client after each transaction. */
  pauseMs?: number;
  /** Goes on after a lost connection. Else it is an error. */
  mayLoseConnection?: boolean;
}

export function startLoad(database: TestDatabase, options: LoadOptions): Load {
  const { transaction, clients = 2, pauseMs = 2, mayLoseConnection = false } = options;
  const unknown: number[] = [];
  const committedNumbers: number[] = [];
  let next = 0;
  let stopped = false;

  async function runClient(): Promise<void> {
    while (!stopped) {
      const client = new pg.Client({ connectionString: database.url, application_name: 'test' });
      client.on('error', () => undefined);
      let n: number | undefined;
      try {
        await client.connect();
        while (!stopped) {
          n = ++next;
          await client.query(transaction(n));
          committedNumbers.push(n);
          n = undefined;
          await sleep(pauseMs);
        }
      } catch (error) {
        if (n !== undefined) unknown.push(n);
        if (!mayLoseConnection) throw error;
        await sleep(20);
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }

  const running = Promise.all(Array.from({ length: clients }, runClient));
  // reported by stop()
  running.catch(() => undefined);
  return {
    get committed() {
      return committedNumbers.length;
    },
    unknown,
    committedNumbers,
    async stop() {
      stopped = true;
      await running;
    },
  };
}
