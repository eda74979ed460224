// A configuration with a source a and a target b, of which one key or another is wrong.
import { writeConfig } from '../../support/config-file.ts';

type Keys = Record<string, unknown>;

export interface Pair {
  /** Of the server on 127.0.0.1 that has both databases. */
  readonly port: number;
  readonly a: string;
  readonly b: string;
}

/** The keys of database a, and of b, go before the sound ones. */
export function writePairFile({ port, a, b }: Pair, ofA: Keys = {}, ofB: Keys = {}): string {
  const sound = { host: '127.0.0.1', port, user: 'postgres' };
  return writeConfig({
    databases: { a: { ...sound, dbname: a, ...ofA }, b: { ...sound, dbname: b, ...ofB } },
    relgroups: { r: { tables: ['public.t'] } },
    dbgroups: { g: { a: 'source', b: 'target' } },
    syncs: { s: { relgroup: 'r', dbgroup: 'g' } },
  });
}
