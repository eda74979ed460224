// Each part of the rule, taken away alone: then there are histories after which the databases differ.
import { expect, test } from 'vitest';
import { divergenceWithout } from './expect-convergence.ts';
import type { Shape } from './history.ts';
import type { Part } from './rules.ts';
import type { RunOptions } from './run.ts';

const rows: Shape = { uniqueIndexes: 0 };
const unique: Shape = { uniqueIndexes: 1 };
const seenLate = { databases: 2, toVisible: [15, 0] };
const forgetful = { forget: 20, apply: 60, 'read own': 3 };
const fast: RunOptions = { path: 'fast' };

test.each<[Part, Shape, RunOptions?]>([
  ['manifest', rows],
  ['tombstone', rows],
  ['tombstone on insert', rows],
  ['own deletes', rows],
  ['own writes', { ...rows, ...seenLate, keys: 1 }],
  ['own stream in the horizon', { ...rows, ...seenLate, keys: 1, often: forgetful }, fast],
  ['own stream once visible', { ...rows, ...seenLate, keys: 1 }],
  ['own batch', rows],
  ['same source', rows],
  ['rank', rows],
  ['commit-wait', rows],
  ['fetched columns', rows],
  ['fetch once visible', rows],
  ['no value carried over transactions', { ...rows, unchanged: 60, keys: 1 }, fast],
  ['horizon', rows],
  [
    'horizon by stamp',
    {
      ...rows,
      databases: 2,
      keys: 2,
      most: 50,
      toStream: [0],
      toVisible: [0],
      often: { forget: 25, 'read own': 30 },
    },
    { margin: 0 },
  ],
  [
    'margin of the horizon',
    {
      ...rows,
      databases: 3,
      keys: 1,
      toStream: [4, 0],
      toVisible: [0],
      often: { forget: 20, apply: 60 },
    },
  ],
  ['versions of a truncate', { ...rows, truncate: true }],
  ['claims', unique],
  ['claims of what lost', unique],
  ['claims of what is gone', { ...unique, unchanged: 60 }],
  ['claims of own writes', unique],
  ['claims of every transaction', unique, fast],
  [
    'own writes are evicted',
    { ...unique, ...seenLate, keys: 2, often: { forget: 0, 'read own': 3 } },
  ],
  ['tombstone of the evicted row', unique],
  ['tombstone of the beaten row', unique],
])('%s', (part, shape, options) => {
  const script = divergenceWithout(part, shape, { histories: 10_000, path: 'careful', ...options });
  expect(script).toContain('then everything arrives');
});

test('a row that is gone at the source would come back with a value that nobody wrote', () => {
  const script = divergenceWithout(
    'gone at the source',
    { ...rows, unchanged: 60 },
    {
      histories: 10_000,
      wrong: ({ databases }) =>
        databases.some(({ state }) =>
          [...state.rows.values()].some(({ values }) => values.a === 'null'),
        ),
    },
  );
  expect(script).toContain('null');
});
