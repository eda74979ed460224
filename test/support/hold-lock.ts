import pg from 'pg';
import type { TestDatabase } from './database.ts';
import { eventually } from './eventually.ts';

export interface HeldLock {
  /** Rolls back; what waited goes on. */
  release(): Promise<void>;
  commit(): Promise<void>;
}

/** Runs the statement in a transaction of its own, which stays open. */
export async function holdLock(database: { readonly url: string }, sql: string): Promise<HeldLock> {
  const client = new pg.Client({ connectionString: database.url, application_name: 'test' });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin');
  await client.query(sql);
  return {
    release: () => client.end(),
    commit: async () => {
      await client.query('commit');
      await client.end();
    },
  };
}

/** Until a session of replicator's waits for a lock in this database. */
export async function untilWaitingForLock(database: TestDatabase): Promise<void> {
  await eventually(
    async () => {
      const waiting = await database.query(
        `select from pg_stat_activity
         where application_name like 'replicator/%' and wait_event_type = 'Lock'
           and datname = current_database()`,
      );
      return waiting.length > 0;
    },
    { timeoutMs: 10_000, what: 'a session that waits for a lock' },
  );
}
