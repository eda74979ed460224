import { expect, test } from 'vitest';
import { ReplicatorError } from '../../../src/model/errors.ts';
import { agreeOnRanks } from '../../../src/setup/plan-ranks.ts';

type Stored = Record<string, Record<string, number>>;

function agree(configured: string[], stored: Stored): Record<string, number> {
  const holders = Object.entries(stored).map(
    ([holder, ranks]) => [holder, new Map(Object.entries(ranks))] as const,
  );
  return Object.fromEntries(agreeOnRanks(configured, new Map(holders)));
}

test('at first ranks follow the order of the file', () => {
  expect(agree(['b', 'a', 'c'], { a: {}, b: {}, c: {} })).toEqual({ b: 1, a: 2, c: 3 });
});

test('what is stored stays, whatever the order of the file is now', () => {
  const stored = { a: { a: 1, b: 2 }, b: { a: 1, b: 2 } };
  expect(agree(['b', 'a'], stored)).toEqual({ a: 1, b: 2 });
});

test('a database that comes later gets the next rank, and learns those of the others', () => {
  const stored = { a: { a: 1, b: 2 }, b: { a: 1, b: 2 }, c: {} };
  expect(agree(['c', 'a', 'b'], stored)).toEqual({ a: 1, b: 2, c: 3 });
});

test('the rank of a database that left the file is not given to another', () => {
  expect(agree(['a', 'c'], { a: { a: 1, gone: 2 }, c: {} })).toEqual({ a: 1, c: 3 });
});

test('a database that is not here may be one that had another name, and tells its rank itself', () => {
  const stored = { a: { a: 1, former: 2 }, b: { a: 1, former: 2, b: 3 } };
  expect(agree(['a', 'now', 'b', 'c'], { ...stored, c: {} })).toEqual({ a: 1, b: 3, c: 5 });
  expect(agree(['a', 'now', 'b'], { ...stored, now: { a: 1, now: 2 } })).toEqual({
    a: 1,
    now: 2,
    b: 3,
  });
});

test.each<[string, Stored]>([
  ['two ranks for one database', { a: { a: 1, b: 2 }, b: { a: 1, b: 3 } }],
  ['one rank for two databases', { a: { a: 1 }, b: { b: 1 } }],
  ['swapped ranks', { a: { a: 1, b: 2 }, b: { a: 2, b: 1 } }],
])('%s are refused: each side would decide ties in its own way', (_, stored) => {
  expect(() => agree(['a', 'b'], stored)).toThrow(ReplicatorError);
  expect(() => agree(['a', 'b'], stored)).toThrow(/^b: rank/);
});
