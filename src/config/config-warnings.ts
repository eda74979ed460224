// What is not wrong but probably not meant.
import type { SyncConfig } from './config.ts';
import { parseConnectionUrl } from './connection-url.ts';
import type { Place } from './parse-yaml.ts';
import { placeAt, type Report } from './report.ts';
import type { ConfigFile } from './schema.ts';

export function noteUnused(file: ConfigFile, syncs: readonly SyncConfig[], report: Report): void {
  const used = {
    databases: new Set(syncs.flatMap(({ members }) => [...members.keys()])),
    relgroups: new Set(syncs.map(({ relgroup }) => relgroup.name)),
    dbgroups: new Set(syncs.map(({ dbgroup }) => dbgroup)),
  };
  for (const section of ['databases', 'relgroups', 'dbgroups'] as const) {
    for (const name of Object.keys(file[section])) {
      if (used[section].has(name)) continue;
      report([section, name], `${section}.${name} is not used by any sync`, 'key');
    }
  }
}

export function notePasswords(
  root: Place,
  file: ConfigFile,
  origin: { readonly isPublic: boolean },
  report: Report,
): void {
  for (const [name, { url, password, password_file }] of Object.entries(file.databases)) {
    const path = ['databases', name];
    const key = password === undefined && hasPassword(url) ? 'url' : 'password';
    const { place, found } = placeAt(root, [...path, key]);
    if (!found) continue;
    if (password_file !== undefined) {
      const message = `databases.${name}.password_file is not used: the password is in ${key}`;
      report([...path, 'password_file'], message, 'key');
    }
    if (origin.isPublic && !place.fromEnvironment) {
      const message = `databases.${name}.${key} holds a password, and everyone on this machine may read the file: chmod o-r it, or use password_file`;
      report([...path, key], message);
    }
  }
}

function hasPassword(url: string | undefined): boolean {
  return url !== undefined && parseConnectionUrl(url).settings.has('password');
}
