// Where a database's password comes from. It is looked up for every connection, so that a rotated
// one is found, and kept in a closure, so that no dump of the configuration can show it.
import { ReplicatorError } from '../model/errors.ts';
import { type PgpassQuery, readPgpass } from './pgpass.ts';
import { formatMode, isReadableByAll, readTextFile, whyUnreadable } from './read-text-file.ts';

export type PasswordReader = () => Promise<string | undefined>;

export function fixedPassword(password: string): PasswordReader {
  return async () => password;
}

export function passwordFromFile(database: string, path: string): PasswordReader {
  const refuse = (what: string, options: { cause?: unknown; hint?: string }) =>
    new ReplicatorError('CONFIGURATION', `password_file ${path} of ${database}: ${what}`, options);
  return async () => {
    const { text, mode } = await readTextFile(path).catch((cause: unknown) => {
      throw refuse(whyUnreadable(cause), { cause, hint: 'is the file mounted, and ours to read?' });
    });
    if (isReadableByAll(mode)) {
      const hint = 'chmod o-rwx the file; in Kubernetes set defaultMode: 0440 for the volume';
      throw refuse(`readable by everyone (mode ${formatMode(mode)})`, { hint });
    }
    const password = text.replace(/\r?\n$/, '');
    if (password === '') throw refuse('is empty', { hint: 'write the password into the file' });
    return password;
  };
}

export function passwordFromPgpass(path: string, query: PgpassQuery): PasswordReader {
  return () => readPgpass(path, query);
}
