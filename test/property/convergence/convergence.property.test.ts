// All sources of a group end with the same rows from the same writers, for any history: the product's
// own decisions (src/target/conflict) on databases in memory. Why each part of the rule is there, see
// every-part-is-needed.property.test.ts.
import { test, vi } from 'vitest';
import { expectConvergence, times } from './expect-convergence.ts';
import { longestStepBack, longestToStream } from './history.ts';

vi.setConfig({ testTimeout: 60_000 * times });

test('rows without other unique keys', () => {
  expectConvergence({ uniqueIndexes: 0 }, { histories: 6000 });
});

test.each([1, 2])('%i unique keys beside the primary key', (uniqueIndexes) => {
  expectConvergence({ uniqueIndexes }, { histories: 4000 });
});

test('large values that are not sent when they did not change', () => {
  expectConvergence({ uniqueIndexes: 1, unchanged: 80 }, { histories: 2000 });
});

test('commits that are seen long after their time', () => {
  const shape = { uniqueIndexes: 1, toVisible: [0, 8, 15], keys: 2, often: { forget: 15 } };
  expectConvergence(shape, { histories: 2000 });
});

test.each([0, 1])('TRUNCATE as a delete of every row, with %i unique keys', (uniqueIndexes) => {
  expectConvergence({ uniqueIndexes, truncate: true }, { histories: 1500 });
});

const clocksGoBack = (uniqueIndexes: number) => ({
  uniqueIndexes,
  keys: 2,
  often: { 'clock back': 12, commit: 60 },
});

const margin = longestToStream + longestStepBack;

// What is left out here is named in docs/reference/limits.md, and shown in known-divergence.test.ts.
test.each([0, 1])(
  'a clock that goes back while no row is changed, %i unique keys',
  (uniqueIndexes) => {
    expectConvergence(clocksGoBack(uniqueIndexes), {
      histories: 2000,
      margin,
      where: ({ olderCommit }) => olderCommit === undefined,
    });
  },
);

test.each([0, 1])('a clock that goes back less than is waited, %i unique keys', (uniqueIndexes) => {
  expectConvergence(clocksGoBack(uniqueIndexes), {
    histories: 2000,
    commitWait: longestStepBack,
    where: ({ olderCommit }) => olderCommit !== 'own',
  });
});
