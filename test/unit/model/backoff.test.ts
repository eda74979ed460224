import { expect, test } from 'vitest';
import { backoffMs } from '../../../src/model/backoff.ts';

test('it doubles from 100 ms to 10 s and stays there', () => {
  const attempts = [0, 1, 2, 6, 7, 20, 1_000_000];
  expect(attempts.map((attempt) => backoffMs(attempt, 0))).toEqual([
    100, 200, 400, 6_400, 10_000, 10_000, 10_000,
  ]);
});

test('chance takes off up to half, so that what failed together comes back one by one', () => {
  expect(backoffMs(0, 0.999_999)).toBe(50);
  expect(backoffMs(9, 0.5)).toBe(7_500);
  expect(backoffMs(9, 0.999_999)).toBe(5_000);
});
