import { expect, test } from 'vitest';
import { commitTimeOf, formatCommitTime } from '../../../src/model/commit-time.ts';

const second = 1_000_000n;
const day = 86_400n * second;

test.each([
  ['the epoch', 0n, '2000-01-01T00:00:00.000000Z'],
  ['one microsecond', 1n, '2000-01-01T00:00:00.000001Z'],
  ['the last microsecond of a second', second - 1n, '2000-01-01T00:00:00.999999Z'],
  ['one microsecond before the epoch', -1n, '1999-12-31T23:59:59.999999Z'],
  ['before 1970', -11_000n * day - 1n, '1969-11-18T23:59:59.999999Z'],
  ['a leap day', 59n * day + 123_456n, '2000-02-29T00:00:00.123456Z'],
  [
    'the second 2^31 of Unix time',
    (2n ** 31n - 946_684_800n) * second,
    '2038-01-19T03:14:08.000000Z',
  ],
  ['more than 2^53 microseconds', 9_007_199_254_740_993n, '2285-06-04T23:47:34.740993Z'],
])('%s', (_, time, text) => {
  expect(formatCommitTime(time)).toBe(text);
});

test('a clock in milliseconds keeps them', () => {
  expect(commitTimeOf(Date.UTC(2000, 0, 1))).toBe(0n);
  expect(commitTimeOf(Date.UTC(1999, 11, 31, 23, 59, 59, 999))).toBe(-1_000n);
  expect(formatCommitTime(commitTimeOf(Date.UTC(2038, 0, 19, 3, 14, 8, 7)))).toBe(
    '2038-01-19T03:14:08.007000Z',
  );
});
