// Files that the user names: the configuration and the passwords.
import { open } from 'node:fs/promises';

export interface TextFile {
  readonly text: string;
  /** Permission bits, of the very file that was read. */
  readonly mode: number;
}

/** Throws what the system said; `whyUnreadable` turns it into words. */
export async function readTextFile(path: string): Promise<TextFile> {
  const file = await open(path);
  try {
    const { mode } = await file.stat();
    const bytes = await file.readFile();
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), mode: mode & 0o777 };
  } finally {
    await file.close();
  }
}

const reasons = new Map([
  ['ENOENT', 'no such file'],
  ['ENOTDIR', 'no such file'],
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
  ['EISDIR', 'is a directory, not a file'],
  ['ELOOP', 'too many symbolic links'],
  ['ERR_ENCODING_INVALID_ENCODED_DATA', 'is not UTF-8 text'],
]);

export function whyUnreadable(error: unknown): string {
  const code = errorCode(error);
  return reasons.get(code) ?? `cannot be read (${code})`;
}

export function isMissingFile(error: unknown): boolean {
  return reasons.get(errorCode(error)) === 'no such file';
}

export const isReadableByAll = (mode: number): boolean => (mode & 0o004) !== 0;

export const formatMode = (mode: number): string => mode.toString(8).padStart(4, '0');

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
}
