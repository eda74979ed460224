import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeTextArray } from '../../src/target/apply/text-array.ts';

/** array_recv() of a one-dimensional text[]. */
function decodeTextArray(bytes: Buffer): (string | null)[] {
  expect(bytes.readInt32BE(0)).toBe(1); // dimensions
  const hasNull = bytes.readInt32BE(4);
  expect(bytes.readInt32BE(8)).toBe(25); // text
  const length = bytes.readInt32BE(12);
  expect(bytes.readInt32BE(16)).toBe(1); // lower bound
  let offset = 20;
  const values: (string | null)[] = [];
  for (let i = 0; i < length; i++) {
    const size = bytes.readInt32BE(offset);
    offset += 4;
    values.push(size < 0 ? null : bytes.toString('utf8', offset, offset + size));
    offset += Math.max(0, size);
  }
  expect(offset).toBe(bytes.length);
  expect(hasNull).toBe(values.includes(null) ? 1 : 0);
  return values;
}

test('what is encoded is what the server reads', () => {
  const text = fc
    .oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary', minLength: 60, maxLength: 70 }),
      fc.constantFrom('', 'NULL', '{}', '"', '\\', ',', '\uFEFF', '😀'),
    )
    .filter((value) => !/\p{Surrogate}/u.test(value));
  fc.assert(
    fc.property(fc.array(fc.option(text)), (values) => {
      expect(decodeTextArray(encodeTextArray(values))).toEqual(values);
    }),
  );
});
