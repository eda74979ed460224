// A user's connection to a source that stays open: a look at the catalogs, as connecting needs it,
// can write WAL, and some scenarios must know of every byte of it.
import pg from 'pg';

export interface Writer extends AsyncDisposable {
  run(sql: string): Promise<void>;
  /** Where the next WAL record will begin. */
  lsn(): Promise<bigint>;
}

export async function openWriter(url: string): Promise<Writer> {
  const client = new pg.Client({ connectionString: url, application_name: 'test writer' });
  client.on('error', () => undefined);
  await client.connect();
  return {
    async run(sql) {
      await client.query(sql);
    },
    async lsn() {
      const { rows } = await client.query(`select pg_current_wal_insert_lsn() - '0/0' as lsn`);
      return BigInt(rows[0].lsn);
    },
    async [Symbol.asyncDispose]() {
      await client.end();
    },
  };
}

/** Commits in another database of the same server more WAL than may pass without being stored. */
export async function writeElsewhere(writer: Writer, megabytes: number): Promise<void> {
  await writer.run(
    `select count(pg_logical_emit_message(true, 'elsewhere', repeat('x', 1000000)))
     from generate_series(1, ${megabytes})`,
  );
}
