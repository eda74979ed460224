import { expect, test } from 'vitest';
import { tablePairs } from '../../../../src/setup/preflight/carried-tables.ts';
import { replicaIdentity } from '../../../../src/setup/preflight/checks/replica-identity.ts';
import { syncOptions } from '../../../../src/setup/preflight/checks/sync-options.ts';
import { tableMissing } from '../../../../src/setup/preflight/checks/table-missing.ts';
import { targetKey } from '../../../../src/setup/preflight/checks/target-key.ts';
import { database, factsOf, oneWay, sync, table, tables, told } from './facts-fixture.ts';

const having = (name: string, ...all: ReturnType<typeof table>[]) =>
  database(name, { tables: tables(...all) });

test('a target that did not answer is not taken to lack the table', () => {
  const facts = factsOf([having('a', table('t'))], {
    syncs: [sync({ a: 'source', b: 'target' })],
  });
  expect(facts.carried).toHaveLength(1);
  expect(tablePairs(facts)).toEqual([]);
  expect(tableMissing.find(facts)).toEqual([]);
  const answered = oneWay(having('a', table('t')), database('b'));
  expect(told(tableMissing.find(answered))).toEqual([
    'error: b: table public.t of a does not exist',
  ]);
});

test('a source that did not answer writes all the same', () => {
  const facts = factsOf([having('b', table('t', { replicaIdentity: 'full' }))], {
    syncs: [sync({ a: 'source', b: 'source' })],
  });
  expect(told(replicaIdentity.find(facts))).toEqual([
    'error: b: public.t has REPLICA IDENTITY FULL: with several sources one key must tell its rows apart',
  ]);
});

test('rows of one table can have several writers on a target that is no source', () => {
  const full = table('t', { replicaIdentity: 'full', keys: [] });
  const facts = (...syncs: ReturnType<typeof sync>[]) =>
    factsOf([having('a', full), having('b', full), having('c', full)], { syncs });
  const apart = facts(sync({ a: 'source', b: 'target' }));
  expect(told(replicaIdentity.find(apart))).toEqual([]);
  const together = facts(sync({ a: 'source', c: 'target' }), sync({ b: 'source', c: 'target' }));
  expect(replicaIdentity.find(together).map((each) => each.database)).toEqual(['a', 'b']);
  expect(told(targetKey.find(apart))).toEqual([]);
  expect(told(targetKey.find(together))).toEqual([
    'error: c: public.t has no key: an UPDATE or DELETE of a would not find its row',
    'error: c: public.t has no key: an UPDATE or DELETE of b would not find its row',
  ]);
});

test('syncs that want to treat a table differently are told as the file is wrong', () => {
  const members = { a: 'source', b: 'target' } as const;
  const narrow = { name: 'n', tables: ['public.t'], exclude: [] };
  const facts = factsOf([having('a', table('t')), having('b', table('t'))], {
    syncs: [sync(members), sync(members, { name: 'z', relgroup: narrow, truncate: 'ignore' })],
  });
  expect(told(syncOptions.find(facts))).toEqual([
    'error: table public.t of a:b is in syncs s and z, which differ in truncate: replicate and ignore',
  ]);
});
