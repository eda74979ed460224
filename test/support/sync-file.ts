// A configuration with one sync: all tables of schema public, between the members of one dbgroup.
import { writeConfig } from './config-file.ts';

export interface Member {
  database: { readonly url: string };
  role: 'source' | 'target';
  /** Of a proxy in front of the server. */
  port?: number;
  /** Further keys of the database. */
  keys?: Record<string, unknown>;
}

export interface SyncFileOptions {
  /** Further keys of the sync, such as initial_copy. */
  sync?: Record<string, unknown>;
  relgroup?: Record<string, unknown>;
  /** Further keys of the file. */
  file?: Record<string, unknown>;
}

/** Returns its path; the members' order is the file's. */
export function writeSyncFile(
  members: Record<string, Member>,
  { sync = {}, relgroup = { tables: ['public.*'] }, file = {} }: SyncFileOptions = {},
): string {
  const entries = Object.entries(members);
  return writeConfig({
    databases: Object.fromEntries(
      entries.map(([name, member]) => [name, { url: urlOf(member), ...member.keys }]),
    ),
    relgroups: { all_tables: relgroup },
    dbgroups: { all: Object.fromEntries(entries.map(([name, { role }]) => [name, role])) },
    syncs: { app: { relgroup: 'all_tables', dbgroup: 'all', ...sync } },
    ...file,
  });
}

export const source = (database: Member['database'], port?: number): Member => ({
  database,
  role: 'source',
  ...(port !== undefined && { port }),
});

export const target = (database: Member['database'], port?: number): Member => ({
  database,
  role: 'target',
  ...(port !== undefined && { port }),
});

function urlOf({ database, port }: Member): string {
  const url = new URL(database.url);
  if (port !== undefined) url.port = String(port);
  return url.href;
}
