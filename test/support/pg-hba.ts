// Who may connect to a server of a test's own.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import type { PostgresServer } from './postgres-server.ts';

/** Puts the lines before all others; the first that fits a connection decides about it. */
export async function prependToHba(
  server: PostgresServer,
  lines: readonly string[],
): Promise<void> {
  const path = join(server.dataDirectory, 'pg_hba.conf');
  const before = await readFile(path, 'utf8');
  await writeFile(path, [...lines, before].join('\n'));
  await server.query('postgres', 'select pg_reload_conf()');
  const loaded = `select count(*) from pg_hba_file_rules where error is not null`;
  await eventually(async () => (await server.query('postgres', loaded))[0]?.['count'] === '0');
}
