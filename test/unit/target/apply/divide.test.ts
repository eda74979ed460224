import fc from 'fast-check';
import { expect, test } from 'vitest';
import { divide, isWorthDividing } from '../../../../src/target/apply/divide.ts';

test('pieces are what there was, in its order, none empty, and each smaller', () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { maxLength: 5_000 }), (items) => {
      const pieces = divide(items);
      expect(pieces.flat()).toEqual(items);
      expect(pieces.length).toBeLessThanOrEqual(16);
      for (const piece of pieces) expect(piece.length).toBeGreaterThan(0);
      if (items.length > 1)
        for (const piece of pieces) expect(piece.length).toBeLessThan(items.length);
    }),
  );
});

test('few are not divided', () => {
  expect([1, 16, 17].map(isWorthDividing)).toEqual([false, false, true]);
});
