import { describe, expect, test } from 'vitest';
import { formatLsn, maxLsn, minLsn, parseLsn } from '../../../src/model/lsn.ts';

test.each([
  ['0/0', 0n],
  ['0/1', 1n],
  ['16/B374D848', 0x16_b374_d848n],
  ['FFFFFFFF/FFFFFFFF', 2n ** 64n - 1n],
])('%s is read and written as PostgreSQL does', (text, lsn) => {
  expect(parseLsn(text)).toBe(lsn);
  expect(formatLsn(lsn)).toBe(text);
});

test('both spellings of the halves are read', () => {
  expect(parseLsn('00000000/01544a00')).toBe(parseLsn('0/1544A00'));
});

describe('refused', () => {
  test.each(['', '0', '/', '0/', '/0', '0x1/2', '1/2/3', ' 0/0', '0/0\n', '100000000/0', 'g/0'])(
    '%j',
    (text) => {
      expect(() => parseLsn(text)).toThrow(RangeError);
    },
  );
});

test('positions are compared as numbers, not as text', () => {
  const [nine, ten] = [parseLsn('9/0'), parseLsn('10/0')];
  expect(minLsn(nine, ten)).toBe(nine);
  expect(maxLsn(nine, ten)).toBe(ten);
  expect(minLsn(ten, ten)).toBe(ten);
});
