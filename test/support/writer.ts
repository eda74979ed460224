import pg from 'pg';

export interface Writer {
  /** How many writes have been committed. */
  readonly count: number;
  /** Ends after the current write, and throws if one failed. */
  stop(): Promise<void>;
}

/** Writes again and again; `sql` is given 1, 2, 3, … and is a transaction of its own. */
export async function startWriter(
  database: { readonly url: string },
  sql: (n: number) => string,
): Promise<Writer> {
  const client = new pg.Client({ connectionString: database.url, application_name: 'test' });
  client.on('error', () => undefined);
  await client.connect();
  let count = 0;
  let isStopped = false;
  const writing = (async () => {
    try {
      while (!isStopped) {
        await client.query(sql(count + 1));
        count += 1;
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  })();
  // reported by stop()
  writing.catch(() => undefined);
  return {
    get count() {
      return count;
    },
    async stop() {
      isStopped = true;
      await writing;
    },
  };
}
