import { expect, test } from 'vitest';
import { restMs } from '../../../src/source/rest.ts';

test.each([
  ['a target waits for what is fresh', 5, true, 0],
  ['all are busy', 5, false, 4],
  ['a backlog, whoever waits', 5_000, true, 20],
  ['a backlog, and all are busy', 5_000, false, 20],
])('%s', (_, ageMs, anyIdle, rest) => {
  expect(restMs(ageMs, { anyIdle })).toBe(rest);
});
