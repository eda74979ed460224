// A row is equal to one with the same values, wherever its bytes are, and to a list of these.
import { expect } from 'vitest';
import { Tuple } from '../../src/model/tuple.ts';

expect.addEqualityTesters([
  function areEqual(a: unknown, b: unknown): boolean | undefined {
    if (!(a instanceof Tuple) && !(b instanceof Tuple)) return undefined;
    return this.equals(valuesOf(a), valuesOf(b));
  },
]);

function valuesOf(row: unknown): unknown {
  return row instanceof Tuple ? row.values : row;
}
