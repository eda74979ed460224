import pg from 'pg';

/** Every value as the text that the server sent. */
export type Row = Record<string, string | null>;

const asText = { getTypeParser: () => (value: string) => value };

/** Opens a connection for one query (or several without parameters: the rows of the last). */
export async function queryText(url: string, sql: string, params: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'test',
    types: asText as pg.CustomTypesConfig,
  });
  // a lost connection also fails the query, which is where it is reported
  client.on('error', () => undefined);
  try {
    await client.connect();
    // without parameters as a simple query, which may hold several statements
    const result = params.length > 0 ? await client.query(sql, params) : await client.query(sql);
    const last = (Array.isArray(result) ? result.at(-1) : result) as pg.QueryResult<Row>;
    return last.rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
