import { expect, test } from 'vitest';
import type { SubscriptionConfig, SyncConfig } from '../../../src/config/config.ts';
import { mergeSyncs, tablesOfSource } from '../../../src/config/merge-syncs.ts';

const sync = (name: string, tables: string[], options: Partial<SyncConfig> = {}): SyncConfig => ({
  name,
  relgroup: { name: `tables_of_${name}`, tables, exclude: [] },
  dbgroup: 'g',
  members: new Map([
    ['a', 'source'],
    ['b', 'target'],
  ]),
  initialCopy: 'none',
  conflict: 'latest',
  conflictLog: 'keys',
  conflictWindowMs: 1_000,
  truncate: 'replicate',
  ...options,
});

const subscription = (...syncs: SyncConfig[]): SubscriptionConfig => ({
  source: 'a',
  target: 'b',
  syncs,
});

const orders = { schema: 'public', name: 'orders' };
const items = { schema: 'public', name: 'Items' };

test('a table of two syncs is carried once', () => {
  const merged = mergeSyncs(
    subscription(sync('one', ['public.*']), sync('two', ['public.orders', 'sales.*'])),
    [orders, items, { schema: 'other', name: 'x' }],
  );
  const options = {
    initialCopy: 'none',
    conflict: 'latest',
    conflictLog: 'keys',
    conflictWindowMs: 1_000,
    truncate: 'replicate',
  };
  expect([...merged]).toEqual([
    ['public.orders', { table: orders, ...options, syncs: ['one', 'two'] }],
    ['public."Items"', { table: items, ...options, syncs: ['one'] }],
  ]);
});

test.each([
  [{ initialCopy: 'once' }, 'initial_copy', 'none and once'],
  [{ conflict: 'pause' }, 'conflict', 'latest and pause'],
  [{ conflictLog: 'off' }, 'conflict_log', 'keys and off'],
  [{ conflictWindowMs: 5_000 }, 'conflict_window', '1s and 5s'],
  [{ truncate: 'refuse' }, 'truncate', 'replicate and refuse'],
] as const)('two syncs that differ in %o are refused', (difference, option, values) => {
  const differing = subscription(
    sync('one', ['public.*']),
    sync('two', ['sales.*']),
    sync('three', ['public.orders'], difference),
  );
  expect(() => mergeSyncs(differing, [items])).not.toThrow();
  expect(() => mergeSyncs(differing, [items, orders])).toThrow(
    expect.objectContaining({
      code: 'CONFIGURATION',
      message: `table public.orders of a:b is in syncs one and three, which differ in ${option}: ${values}`,
      hint: `set the same ${option} in both syncs, or take the table out of one`,
    }),
  );
});

test('the tables of a source are those of all its subscriptions', () => {
  const subscriptions = [
    subscription(sync('one', ['public.orders'])),
    { ...subscription(sync('two', ['public.*'])), target: 'c' },
    { ...subscription(sync('three', ['sales.*'])), source: 'b' },
  ];
  const sales = { schema: 'sales', name: 'x' };
  expect(tablesOfSource(subscriptions, 'a', [sales, orders, items])).toEqual([orders, items]);
  expect(tablesOfSource(subscriptions, 'b', [sales, orders, items])).toEqual([sales]);
});
