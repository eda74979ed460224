import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatDuration,
  formatSize,
  parseDurationMs,
  parseSizeBytes,
} from '../../src/config/units.ts';

test('what is formatted is parsed to the same value', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      expect(parseDurationMs(formatDuration(value))).toBe(value);
      expect(parseSizeBytes(formatSize(value))).toBe(value);
    }),
  );
});

test('whatever is parsed is a whole number or refused with what must be', () => {
  const unit = fc.constantFrom('', 'ms', 's', 'min', 'h', 'd', 'B', 'kB', 'MB', 'TB', 'mb', ' s');
  const written = fc.tuple(fc.bigInt({ min: -9n, max: 10n ** 20n }), unit);
  const text = fc.oneof(
    fc.string(),
    written.map(([number, name]) => `${number}${name}`),
  );
  fc.assert(
    fc.property(text, fc.constantFrom(parseDurationMs, parseSizeBytes), (input, parse) => {
      try {
        expect(Number.isSafeInteger(parse(input))).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        expect(error).toHaveProperty('message', expect.stringMatching(/^must /));
      }
    }),
  );
});
