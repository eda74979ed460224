import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Division, divide, isWorthDividing } from '../../../../src/target/apply/divide.ts';

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

test('where many pieces are troubled larger batches are not divided, until it is quiet again', () => {
  const division = new Division();
  const worth = () => [17, 65, 300, 10_000].map((changes) => division.isWorthIt(changes));
  expect(worth()).toEqual([true, true, true, true]);
  division.found(2, 16);
  expect(worth()).toEqual([true, true, true, true]);
  division.found(1, 2);
  expect(worth()).toEqual([true, true, true, true]);
  division.found(3, 16);
  expect(worth()).toEqual([false, true, true, true]);
  for (let i = 0; i < 3; i += 1) division.found(12, 16);
  expect(worth()).toEqual([false, false, false, true]);
  // Small batches say little.
  for (let i = 0; i < 9; i += 1) division.wasNotNeeded(16);
  expect(worth()).toEqual([false, false, false, true]);
  for (let i = 0; i < 9; i += 1) division.wasNotNeeded(17);
  expect(worth()).toEqual([true, true, true, true]);
});
