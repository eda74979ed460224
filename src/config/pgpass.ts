// libpq's password file: https://www.postgresql.org/docs/current/libpq-pgpass.html
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from './interpolate.ts';
import { readTextFile } from './read-text-file.ts';

export interface PgpassQuery {
  readonly host: string;
  readonly port: number;
  readonly dbname: string;
  readonly user: string;
}

export function pgpassPath(env: Environment): string {
  return env['PGPASSFILE'] || join(env['HOME'] || homedir(), '.pgpass');
}

/** Like libpq, ignores a file that is missing or that others may read. */
export async function readPgpass(path: string, query: PgpassQuery): Promise<string | undefined> {
  try {
    const { text, mode } = await readTextFile(path);
    return isPrivate(mode) ? findInPgpass(text, query) : undefined;
  } catch {
    return undefined;
  }
}

export const isPrivate = (mode: number): boolean => (mode & 0o077) === 0;

/** The password of the first line that matches. */
export function findInPgpass(text: string, query: PgpassQuery): string | undefined {
  const wanted = [lookupHost(query.host), String(query.port), query.dbname, query.user];
  for (const line of text.split(/\r?\n/)) {
    const match = line.startsWith('#') ? null : entry.exec(line);
    const [password, ...fields] = match?.slice(1).reverse() ?? [];
    const matches = fields
      .reverse()
      .every((field, i) => field === '*' || unescaped(field) === wanted[i]);
    if (password !== undefined && matches) return unescaped(password);
  }
  return undefined;
}

// host:port:database:user:password, a backslash before a colon or a backslash in any of them.
const field = String.raw`((?:\\.|[^:\\])*)`;
const entry = new RegExp(`^${field}:${field}:${field}:${field}:(.*)$`, 's');

const unescaped = (text: string): string => text.replace(/\\(.)/gs, '$1');

/** In the file, the usual socket folders are called localhost. */
function lookupHost(host: string): string {
  const isUsualFolder = /^(\/var)?\/run\/postgresql\/?$|^\/tmp\/?$/.test(host);
  return isUsualFolder ? 'localhost' : host;
}
