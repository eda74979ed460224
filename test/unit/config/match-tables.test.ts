import { describe, expect, test } from 'vitest';
import type { RelgroupConfig } from '../../../src/config/config.ts';
import { matchTables, relgroupsOverlap } from '../../../src/config/match-tables.ts';
import { tableLabel } from '../../../src/model/relation.ts';

const catalog = [
  { schema: 'public', name: 'orders', oid: 1 },
  { schema: 'public', name: 'audit_2026', oid: 2 },
  { schema: 'sales', name: 'orders', oid: 3 },
  { schema: 'pg_catalog', name: 'pg_class', oid: 4 },
  { schema: 'pg_temp_3', name: 'orders', oid: 5 },
  { schema: 'information_schema', name: 'tables', oid: 6 },
  { schema: 'replicator', name: 'progress', oid: 7 },
];

test.each([
  { tables: ['public.*'], exclude: [], matched: ['public.orders', 'public.audit_2026'] },
  { tables: ['public.*'], exclude: ['public.audit_*'], matched: ['public.orders'] },
  { tables: ['*.orders'], exclude: ['public.*'], matched: ['sales.orders'] },
  {
    tables: ['sales.orders', 'public.orders'],
    exclude: [],
    matched: ['public.orders', 'sales.orders'],
  },
  { tables: ['*.*'], exclude: [], matched: ['public.orders', 'public.audit_2026', 'sales.orders'] },
  { tables: ['replicator.*', 'pg_catalog.*'], exclude: [], matched: [] },
])('$tables without $exclude', ({ tables, exclude, matched }) => {
  expect(matchTables({ tables, exclude }, catalog).map(tableLabel)).toEqual(matched);
});

test('gives back the rows that it was given', () => {
  expect(matchTables({ tables: ['sales.*'], exclude: [] }, catalog)[0]?.oid).toBe(3);
});

describe('relgroups overlap', () => {
  const relgroup = (name: string, tables: string[], exclude: string[] = []): RelgroupConfig => ({
    name,
    tables,
    exclude,
  });
  test.each([
    ['the same', relgroup('a', ['x.y']), relgroup('a', ['x.y']), true],
    ['the same pattern', relgroup('a', ['x.*', 'z.*']), relgroup('b', ['x.*']), true],
    ['a table that matches', relgroup('a', ['x.*']), relgroup('b', ['x.y']), true],
    ['the other way round', relgroup('a', ['x.y']), relgroup('b', ['x.*']), true],
    ['quoted differently', relgroup('a', ['x.y']), relgroup('b', ['"x".y']), true],
    ['a table that is left out', relgroup('a', ['x.*'], ['x.y']), relgroup('b', ['x.y']), false],
    ['other tables', relgroup('a', ['x.y']), relgroup('b', ['x.z']), false],
    ['other wildcards', relgroup('a', ['x.*']), relgroup('b', ['x.y*']), false],
  ])('%s', (_, a, b, expected) => {
    expect(relgroupsOverlap(a, b)).toBe(expected);
  });
});
