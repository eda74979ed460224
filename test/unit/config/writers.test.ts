import { expect, test } from 'vitest';
import type { Role, SyncConfig } from '../../../src/config/config.ts';
import { contestedAt, hasSeveralWriters, writersOf } from '../../../src/config/writers.ts';
import { parse, sampleFile } from './sample-file.ts';

const [sample] = parse(sampleFile()).syncs;

const sync = (tables: string[], members: Readonly<Record<string, Role>>): SyncConfig => ({
  ...(sample as SyncConfig),
  relgroup: { name: 'r', tables, exclude: ['public.log'] },
  members: new Map(Object.entries(members)),
});

/** Writers at each of the databases a, b and c. */
function writers(table: string, ...syncs: SyncConfig[]): Record<string, string[]> {
  const { databases } = parse(
    sampleFile({
      4: '  c: { host: c.example.com, dbname: app, user: replicator }\nrelgroups:',
    }),
  );
  const name = { schema: 'public', name: table };
  for (const database of databases.keys())
    expect(hasSeveralWriters({ databases, syncs }, database, name)).toBe(
      writersOf({ databases, syncs }, database, name).length > 1,
    );
  return Object.fromEntries(
    [...databases.keys()].map((database) => [
      database,
      writersOf({ databases, syncs }, database, name),
    ]),
  );
}

test('a source has a single writer where it feeds targets only', () => {
  const one = sync(['public.*'], { a: 'source', b: 'target', c: 'target' });
  expect(writers('t', one)).toEqual({ a: ['a'], b: ['a'], c: ['a'] });
});

test('several sources of one sync meet everywhere, also on its targets', () => {
  const two = sync(['public.*'], { b: 'source', a: 'source', c: 'target' });
  expect(writers('t', two)).toEqual({ a: ['a', 'b'], b: ['a', 'b'], c: ['a', 'b'] });
  expect(writers('log', two)).toEqual({ a: [], b: [], c: [] });
});

test('syncs with one source each can meet on a target', () => {
  const first = sync(['public.*'], { a: 'source', c: 'target' });
  const second = sync(['public.t'], { b: 'source', c: 'target' });
  expect(writers('t', first, second)).toEqual({ a: ['a'], b: ['b'], c: ['a', 'b'] });
  expect(writers('u', first, second)).toEqual({ a: ['a'], b: [], c: ['a'] });
});

test('a source without anyone to feed does not count', () => {
  const alone = sync(['public.*'], { a: 'source' });
  const other = sync(['public.*'], { b: 'source', a: 'target' });
  expect(writers('t', alone, other)).toEqual({ a: ['b'], b: ['b'], c: [] });
});

test('the window is as long as changes take to arrive, unless a person decides, or it is 0', () => {
  const two = sync(['public.*'], { a: 'source', b: 'source' });
  let lagMs = 0;
  const contested = (changes: Partial<SyncConfig>) => {
    const syncs = [{ ...two, ...changes }];
    const config = { ...parse(sampleFile()), syncs };
    const table = { schema: 'public', name: 't' };
    return contestedAt(config, { source: 'a', target: 'b', syncs }, table, () => lagMs);
  };
  const latest = contested({});
  expect(latest?.windowMs).toBe(1_000);
  lagMs = 2_500;
  expect(latest?.windowMs).toBe(2_500);
  expect(contested({ conflict: 'pause' })?.windowMs).toBe(1_000);
  expect(contested({ conflictWindowMs: 0 })?.windowMs).toBe(0);
  expect(contested({ conflictWindowMs: 3_000 })?.windowMs).toBe(3_000);
});
