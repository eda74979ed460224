// Databases that are kept in sync: set up with `init`, and compared as a whole.
import { expect } from 'vitest';
import type { TestDatabase } from './database.ts';
import { runCli } from './run-cli.ts';
import { type Member, type SyncFileOptions, writeSyncFile } from './sync-file.ts';

/** Writes the file and runs `init`. Returns the path of the file. */
export async function initialize(
  members: Record<string, Member>,
  options?: SyncFileOptions,
): Promise<string> {
  return await initializeFile(writeSyncFile(members, options));
}

export async function initializeFile(path: string): Promise<string> {
  expect(await runCli(['init', '-c', path])).toMatchObject({ code: 0, stderr: '' });
  return path;
}

/** Number of rows and a checksum that does not depend on their order. */
export async function checksum(database: TestDatabase, table: string): Promise<string> {
  const [row] = await database.query(
    `select count(*) || ' rows, ' || coalesce(md5(string_agg(h, '' order by h)), '-') as sum
     from (select md5(t::text) as h from ${table} t) hashes`,
  );
  return row?.['sum'] ?? '';
}

/** Fails with the checksums of all unless they are the same; returns the checksum. */
export async function expectEqual(
  databases: readonly TestDatabase[],
  table: string,
): Promise<string> {
  const sums = await Promise.all(databases.map((database) => checksum(database, table)));
  const [first = ''] = sums;
  expect(sums, table).toEqual(databases.map(() => first));
  return first;
}
