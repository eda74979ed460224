import { expect, test } from 'vitest';
import { compareVersions, isOlder } from '../../../src/model/version.ts';

test('the commit time decides, and the rank where it is the same', () => {
  expect(compareVersions({ time: 1n, rank: 2 }, { time: 2n, rank: 1 })).toBeLessThan(0);
  expect(compareVersions({ time: 2n, rank: 1 }, { time: 2n, rank: 2 })).toBeLessThan(0);
  expect(compareVersions({ time: 2n, rank: 1 }, { time: 2n, rank: 1 })).toBe(0);
});

test('nothing is older than what is not there', () => {
  expect(isOlder({ time: 1n, rank: 1 }, undefined)).toBe(false);
  expect(isOlder({ time: 1n, rank: 1 }, { time: 1n, rank: 2 })).toBe(true);
});
