// Of all checks: what they have in common.
import { expect, test } from 'vitest';
import { ReplicatorError } from '../../../../src/model/errors.ts';
import { categories } from '../../../../src/setup/preflight/finding.ts';
import { checks, findingsOf } from '../../../../src/setup/preflight.ts';
import { bothWays, database, factsOf, sync, table, tables } from './facts-fixture.ts';

const installed = {
  schema: {
    usage: true,
    create: true,
    installed: true,
    hasRelations: true,
    deniedTables: [],
    deniedFunctions: [],
    originWrappers: false,
  },
};

test('nothing is found where nothing is wrong', () => {
  const content = { slots: {}, origins: {}, joined: [], lost: [], taken: [], differences: [] };
  const healthy = (name: string) => {
    const { systemIdentifier, databaseOid } = database(name).identity;
    const state = { version: 1, database: name, systemIdentifier, databaseOid, content };
    return { ...database(name, { ...installed, tables: tables(table('t')) }), state };
  };
  const facts = factsOf([healthy('a'), healthy('b')], {
    syncs: [sync({ a: 'source', b: 'target' })],
  });
  expect(findingsOf(facts)).toEqual([]);
});

test('their names are unique, their categories known', () => {
  const names = checks.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
  expect(new Set(checks.map(({ category }) => category))).toEqual(new Set(categories));
});

test('a category can be asked for; about connections is always told', () => {
  const error = new ReplicatorError('UNREACHABLE', 'c: gone', { hint: 'switch it on' });
  const facts = factsOf([database('a', { server: { walLevel: 'replica' } }), database('b')], {
    syncs: [sync({ a: 'source', b: 'source', c: 'target' })],
    unavailable: new Map([['c', error]]),
  });
  const found = findingsOf(facts, { categories: ['server'] });
  expect(found).toEqual([
    {
      check: 'reachable',
      category: 'connection',
      severity: 'error',
      code: 'UNREACHABLE',
      database: 'c',
      message: 'c: gone',
      hint: 'switch it on',
    },
    {
      check: 'wal-level',
      category: 'server',
      severity: 'error',
      code: 'CONFIGURATION',
      database: 'a',
      message: 'a: wal_level is replica, a source needs logical',
      hint: 'alter system set wal_level = logical; then restart the server',
    },
  ]);
});

test('a message is one line, whatever the table is called', () => {
  const name = 'a\nb\tc';
  const missing = bothWays(database('a', { tables: tables(table(name)) }), database('b'));
  const [found] = findingsOf(missing, { categories: ['schema'] });
  expect(found?.message).toBe('b: table public."a b c" of a does not exist');
  expect(found?.table).toBe('public."a\nb\tc"');
});
