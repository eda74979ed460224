import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs } from '../../src/model/backoff.ts';
import { commitTimeOf, formatCommitTime } from '../../src/model/commit-time.ts';
import { formatLsn, maxLsn, minLsn, parseLsn } from '../../src/model/lsn.ts';

const lsn = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

test('a position is read back as it was written, and keeps its order', () => {
  fc.assert(
    fc.property(lsn, lsn, (a, b) => {
      expect(parseLsn(formatLsn(a))).toBe(a);
      expect([minLsn(a, b), maxLsn(a, b)]).toEqual(a < b ? [a, b] : [b, a]);
    }),
  );
});

test('a commit time keeps every microsecond, from year 1 to year 9999', () => {
  const from = BigInt(Date.UTC(2000, 0, 1) - -62_135_596_800_000) * -1_000n;
  const to = BigInt(Date.UTC(9999, 11, 31, 23, 59, 59, 999) - Date.UTC(2000, 0, 1)) * 1_000n;
  fc.assert(
    fc.property(fc.bigInt({ min: from, max: to }), (time) => {
      const text = formatCommitTime(time);
      expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      const fraction = BigInt(text.slice(20, 26));
      expect(commitTimeOf(Date.parse(`${text.slice(0, 19)}Z`)) + fraction).toBe(time);
    }),
  );
});

test('back-off is never shorter than 50 ms nor longer than 10 s, and grows', () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.nat(), random, (attempt, chance) => {
      const pause = backoffMs(attempt, chance);
      expect(pause).toBeGreaterThanOrEqual(50);
      expect(pause).toBeLessThanOrEqual(10_000);
      expect(backoffMs(attempt + 1, chance)).toBeGreaterThanOrEqual(pause);
    }),
  );
});
