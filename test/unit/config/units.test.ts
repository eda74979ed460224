import { describe, expect, test } from 'vitest';
import {
  formatDuration,
  formatSize,
  parseDurationMs,
  parseSizeBytes,
} from '../../../src/config/units.ts';

test.each([
  ['500ms', 500],
  ['10s', 10_000],
  ['10 s', 10_000],
  ['5min', 300_000],
  ['1h', 3_600_000],
  ['1d', 86_400_000],
  ['0ms', 0],
])('%s is %i milliseconds', (text, expected) => {
  expect(parseDurationMs(text)).toBe(expected);
});

test.each([
  ['100B', 100],
  ['1kB', 1024],
  ['64MB', 67_108_864],
  ['2GB', 2_147_483_648],
  ['1TB', 1_099_511_627_776],
])('%s is %i bytes', (text, expected) => {
  expect(parseSizeBytes(text)).toBe(expected);
});

describe('refused', () => {
  test.each([
    ['10', 'must have a unit, such as 10s or 500ms'],
    ['10m', 'must end in one of the units ms, s, min, h, d'],
    ['10S', 'must end in one of the units ms, s, min, h, d'],
    ['', 'must be a whole number with a unit, such as 10s or 500ms'],
    ['s', 'must be a whole number with a unit, such as 10s or 500ms'],
    ['-1s', 'must be a whole number with a unit, such as 10s or 500ms'],
    ['1.5s', 'must be a whole number with a unit, such as 10s or 500ms'],
    ['1s 5ms', 'must be a whole number with a unit, such as 10s or 500ms'],
    ['9999999999999999d', 'must be a smaller number'],
  ])('the duration %j', (text, message) => {
    expect(() => parseDurationMs(text)).toThrow(new RangeError(message));
  });

  test.each([
    ['64', 'must have a unit, such as 64MB or 512kB'],
    ['64mb', 'must end in one of the units B, kB, MB, GB, TB'],
    ['64M', 'must end in one of the units B, kB, MB, GB, TB'],
    ['large', 'must be a whole number with a unit, such as 64MB or 512kB'],
  ])('the size %j', (text, message) => {
    expect(() => parseSizeBytes(text)).toThrow(new RangeError(message));
  });
});

test('a value is written in its largest exact unit', () => {
  expect([0, 1, 1500, 90_000, 3_600_000].map(formatDuration)).toEqual([
    '0ms',
    '1ms',
    '1500ms',
    '90s',
    '1h',
  ]);
  expect([0, 1023, 1024, 67_108_864].map(formatSize)).toEqual(['0B', '1023B', '1kB', '64MB']);
});
