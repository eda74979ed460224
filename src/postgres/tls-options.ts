// How a connection is protected. The files are read for every connection, so that they can be
// renewed; OpenSSL's own words for a wrong one name neither the file nor what is wrong with it.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import type { DatabaseConfig } from '../config/config.ts';
import { whyUnreadable } from '../config/read-text-file.ts';
import { ReplicatorError } from '../model/errors.ts';

type FileKey = 'sslrootcert' | 'sslcert' | 'sslkey';

/** Throws CONFIGURATION for a file that cannot be read or does not hold what it should. */
export async function tlsOptions(database: DatabaseConfig): Promise<ConnectionOptions | false> {
  if (database.sslmode === 'disable') return false;
  const options: ConnectionOptions = { rejectUnauthorized: true };
  const ca = await readPem(database, 'sslrootcert');
  const cert = await readPem(database, 'sslcert');
  const key = await readPem(database, 'sslkey');
  if (ca !== undefined) options.ca = ca;
  if (cert !== undefined) options.cert = cert;
  if (key !== undefined) options.key = key;
  if (cert !== undefined && key !== undefined && !isPair(cert, key))
    throw refuse(database, 'sslkey', 'is not the key of sslcert');
  if (database.sslmode === 'verify-ca') options.checkServerIdentity = () => undefined;
  return options;
}

async function readPem(database: DatabaseConfig, key: FileKey): Promise<string | undefined> {
  const path = database[key];
  if (path === undefined) return undefined;
  // Bundles of authorities have names in any encoding between the certificates.
  const text = await readFile(path, 'latin1').catch((cause: unknown) => {
    const hint = 'is the file mounted, and ours to read?';
    throw refuse(database, key, whyUnreadable(cause), { cause, hint });
  });
  try {
    if (key === 'sslkey') createPrivateKey(text);
    else new X509Certificate(text);
    return text;
  } catch (cause) {
    const what = key === 'sslkey' ? 'a private key without passphrase' : 'a certificate';
    throw refuse(database, key, `does not hold ${what} in PEM format`, { cause });
  }
}

function isPair(certificate: string, key: string): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

function refuse(
  database: DatabaseConfig,
  key: FileKey,
  what: string,
  options: { cause?: unknown; hint?: string } = {},
): ReplicatorError {
  const hint = `name the right file as databases.${database.name}.${key}`;
  const message = `${key} ${database[key]} of ${database.name}: ${what}`;
  return new ReplicatorError('CONFIGURATION', message, { hint, ...options });
}
