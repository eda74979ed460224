import pg from 'pg';

export interface HeldLock {
  /** Rolls back; what waited goes on. */
  release(): Promise<void>;
}

/** Runs the statement in a transaction of its own, which stays open. */
export async function holdLock(database: { readonly url: string }, sql: string): Promise<HeldLock> {
  const client = new pg.Client({ connectionString: database.url, application_name: 'test' });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin');
  await client.query(sql);
  return { release: () => client.end() };
}
