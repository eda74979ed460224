import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Tuple, unchanged, type Value } from '../../src/model/tuple.ts';
import { TupleStore } from '../../src/model/tuple-store.ts';
import { encodeColumns } from '../../src/target/apply/column-arrays.ts';
import { encodeTextArray } from '../../src/target/apply/text-array.ts';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.string({ unit: 'binary-ascii', minLength: 90, maxLength: 120 }),
);
const sent = fc.option(text);
const value: fc.Arbitrary<Value> = fc.oneof(sent, fc.constant(unchanged));
const row = fc.array(value, { maxLength: 8 });
const twoRows = fc
  .integer({ min: 0, max: 8 })
  .chain((length) =>
    fc.tuple(...[1, 2].map(() => fc.array(value, { minLength: length, maxLength: length }))),
  );
const rowsAndColumns = fc.integer({ min: 1, max: 8 }).chain((columns) =>
  fc.record({
    rows: fc.array(fc.array(sent, { minLength: columns, maxLength: columns }), { minLength: 1 }),
    indices: fc.uniqueArray(fc.nat(columns - 1)),
  }),
);

test('a tuple has the values that it is made of', () => {
  fc.assert(
    fc.property(row, fc.nat(10), (values, index) => {
      const tuple = Tuple.of(values);
      expect(tuple.values).toEqual(values);
      expect(tuple.length).toBe(values.length);
      expect(tuple.at(index)).toBe(values[index] ?? null);
      expect(tuple.partial).toBe(values.includes(unchanged));
      expect(tuple.unsent).toEqual(values.flatMap((each, i) => (each === unchanged ? i : [])));
    }),
  );
});

test('a tuple that is kept does not depend on what it was read from', () => {
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      const store = new TupleStore();
      const kept = rows.map((values) => {
        const read = Tuple.of(values);
        const tuple = store.keep(read);
        read.bytes.fill(0);
        return tuple;
      });
      expect(kept.map(({ values }) => values)).toEqual(rows);
    }),
  );
});

test('what was not sent is filled in where it is known', () => {
  fc.assert(
    fc.property(twoRows, fc.func(fc.boolean()), ([later = [], earlier = []], isKnown) => {
      const filled = Tuple.of(later).filledFrom(Tuple.of(earlier), isKnown);
      const expected = later.map((each, i) =>
        each === unchanged && isKnown(i) ? (earlier[i] ?? null) : each,
      );
      expect(filled.values).toEqual(expected);
      expect(filled.partial).toBe(expected.includes(unchanged));
    }),
  );
});

test('images tell rows apart', () => {
  fc.assert(
    fc.property(row, row, (a, b) => {
      const same = a.length === b.length && a.every((each, i) => each === b[i]);
      expect(Tuple.of(a).image === Tuple.of(b).image).toBe(same);
    }),
  );
});

test('columns come out as the arrays of their values', () => {
  fc.assert(
    fc.property(rowsAndColumns, ({ rows, indices }) => {
      const arrays = encodeColumns(
        rows.map(Tuple.of),
        indices.map((index) => ({ index })),
      );
      const expected = indices.map((index) =>
        encodeTextArray(rows.map((values) => values[index] ?? null)),
      );
      expect(arrays.map((array) => array.toString('hex'))).toEqual(
        expected.map((array) => array.toString('hex')),
      );
    }),
  );
});

test('a value that was not sent does not become an element', () => {
  const refused = expect.objectContaining({ code: 'INTERNAL' });
  const rows = [Tuple.of(['1', 'a']), Tuple.of(['2', unchanged])];
  expect(() => encodeColumns(rows, [{ index: 1 }])).toThrow(refused);
  expect(() => encodeColumns(rows, [{ index: 2 }])).toThrow(refused);
  expect(() => encodeColumns([...rows, Tuple.of(['3'])], [{ index: 0 }])).toThrow(refused);
  expect(encodeColumns(rows, [{ index: 0 }])).toEqual([encodeTextArray(['1', '2'])]);
});
