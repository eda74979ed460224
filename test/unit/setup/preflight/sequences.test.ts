import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canMeet, sequences } from '../../../../src/setup/preflight/checks/sequences.ts';
import type { SequenceFacts } from '../../../../src/setup/preflight/read/read-sequences.ts';
import { bothWays, database, factsOf, sequence, sync, table, tables } from './facts-fixture.ts';

describe('canMeet', () => {
  test.each<[boolean, Partial<SequenceFacts>, Partial<SequenceFacts>]>([
    [true, {}, {}],
    [true, { next: 5n }, { next: 1000n }],
    [false, { increment: 2n, next: 1n }, { increment: 2n, next: 2n }],
    [true, { increment: 2n, next: 1n }, { increment: 2n, next: 1001n }],
    [false, { increment: 2n, next: 1n }, { increment: 4n, next: 2n }],
    [true, { increment: 2n, next: 1n }, { increment: 3n, next: 2n }],
    [false, { max: 1000n }, { next: 1001n }],
    [true, { max: 1001n }, { next: 1001n }],
    [false, { increment: -1n, next: -1n, min: -100n }, {}],
    [false, { increment: 10n, next: 3n }, { increment: -10n, next: 4n }],
    [true, { increment: 2n, next: 1n, max: 9n, cycles: true }, { increment: 2n, next: 2n }],
  ])('%s', (expected, a, b) => {
    expect(canMeet(sequence(a), sequence(b))).toBe(expected);
    expect(canMeet(sequence(b), sequence(a))).toBe(expected);
  });

  test('is true whenever both give a value', () => {
    const some = fc
      .record({ increment: fc.integer({ min: -6, max: 6 }), next: fc.integer({ min: -9, max: 9 }) })
      .filter(({ increment }) => increment !== 0);
    const limits = { min: -60, max: 60 };
    const values = ({ increment, next }: { increment: number; next: number }) => {
      const all = new Set<number>();
      for (let v = next; v >= limits.min && v <= limits.max; v += increment) all.add(v);
      return all;
    };
    fc.assert(
      fc.property(some, some, (a, b) => {
        const inCommon = [...values(a)].some((value) => values(b).has(value));
        const big = ({ increment, next }: typeof a) =>
          sequence({ increment: BigInt(increment), next: BigInt(next), min: -60n, max: 60n });
        if (inCommon) expect(canMeet(big(a), big(b))).toBe(true);
      }),
    );
  });
});

describe('sequences', () => {
  const fed = (name: string, next: bigint, changes: Partial<SequenceFacts> = {}) =>
    database(name, {
      tables: tables(table('t', { sequences: [sequence({ next, ...changes })] })),
    });

  test('get statements that keep them apart for ever', () => {
    const found = sequences.find(
      factsOf([fed('a', 1n), fed('b', 77n), fed('c', 3n)], {
        syncs: [sync({ a: 'source', b: 'source', c: 'source' })],
      }),
    );
    expect(found.map(({ hint }) => hint)).toEqual([
      'alter sequence "public"."s" increment by 3 restart with 1080',
      'alter sequence "public"."s" increment by 3 restart with 1081',
      'alter sequence "public"."s" increment by 3 restart with 1082',
    ]);
    expect(found[1]?.message).toBe(
      'b: the sequence of public.t.id (next 77, increment 1) can give values that a or c gives too',
    );
  });

  test('may meet where only one database inserts', () => {
    const facts = factsOf([fed('a', 1n), fed('b', 1n)], {
      syncs: [sync({ a: 'source', b: 'target' })],
    });
    expect(sequences.find(facts)).toEqual([]);
  });

  test('are compared where rows of two syncs come together', () => {
    const facts = factsOf([fed('a', 1n), fed('b', 1n), fed('c', 1n)], {
      syncs: [sync({ a: 'source', c: 'target' }), sync({ b: 'source', c: 'target' })],
    });
    expect(sequences.find(facts).map((each) => each.database)).toEqual(['a', 'b']);
  });

  test('are left alone when they step past each other', () => {
    const a = fed('a', 101n, { increment: 2n });
    expect(sequences.find(bothWays(a, fed('b', 2n, { increment: 2n })))).toEqual([]);
  });
});
