import { describe, expect, test } from 'vitest';
import { settle, settleOwn, type Taken } from '../../../../src/target/conflict/claims.ts';
import type { Resolution } from '../../../../src/target/conflict/resolve.ts';

const at = (time: number, rank: number) => ({ time: BigInt(time), rank });
const by = (key: string, time: number, rank: number) => ({ key, version: at(time, rank) });
const free: Taken = { holder: undefined, claim: undefined };
const write: Resolution = { action: 'write', bury: undefined };
const keep: Resolution = { action: 'keep', bury: undefined };
const beaten: Resolution = { action: 'delete', bury: at(5, 2) };

describe('a change of another database', () => {
  const change = by('k', 5, 2);

  test.each<[string, Taken[], Resolution, string[], boolean[]]>([
    ['a free value', [free], write, [], [true]],
    ['no value', [], write, [], []],
    ['an older row', [{ ...free, holder: by('other', 4, 1) }], write, ['other'], [true]],
    ['a newer row', [{ ...free, holder: by('other', 6, 1) }], beaten, [], [true]],
    ['a tie with a lower rank', [{ ...free, holder: by('other', 5, 1) }], write, ['other'], [true]],
    ['a tie with a higher rank', [{ ...free, holder: by('other', 5, 3) }], beaten, [], [true]],
    [
      'an earlier row of its moment',
      [{ ...free, holder: by('other', 5, 2) }],
      write,
      ['other'],
      [true],
    ],
    ['its own row', [{ holder: by('k', 4, 1), claim: by('k', 4, 1) }], write, [], [true]],
    ['an older claim', [{ ...free, claim: by('other', 4, 1) }], write, [], [true]],
    [
      'a newer claim of a row that is gone',
      [{ ...free, claim: by('other', 6, 1) }],
      beaten,
      [],
      [false],
    ],
    ['its own newer claim', [{ ...free, claim: by('k', 6, 1) }], write, [], [false]],
    [
      'two values of one older row',
      [
        { ...free, holder: by('other', 4, 1) },
        { ...free, holder: by('other', 4, 1) },
      ],
      write,
      ['other'],
      [true, true],
    ],
    [
      'a newer row and, with another value, an older one',
      [
        { ...free, holder: by('newer', 6, 1) },
        { ...free, holder: by('older', 4, 1) },
      ],
      beaten,
      ['older'],
      [true, true],
    ],
  ])('taking %s', (_, taken, resolution, evicted, claims) => {
    const settled = settle(change, write, taken);
    expect(settled.resolution).toEqual(resolution);
    expect(settled.evicted.map(({ key }) => key)).toEqual(evicted);
    expect(settled.claims).toEqual(claims);
  });

  test('claims and evicts although it lost', () => {
    const taken = [{ ...free, holder: by('other', 4, 1) }];
    expect(settle(change, keep, taken)).toEqual({
      resolution: keep,
      evicted: [by('other', 4, 1)],
      claims: [true],
    });
  });

  test('that is gone at its source stays a delete, whoever has the value', () => {
    const gone: Resolution = { action: 'keep', bury: at(5, 2) };
    const taken = [{ ...free, holder: by('other', 6, 1) }];
    expect(settle(change, gone, taken).resolution).toBe(gone);
  });
});

describe('a write of the database itself', () => {
  const change = by('k', 5, 2);
  const newer = by('other', 6, 1);

  test.each<[string, Taken, Resolution]>([
    ['that stands', { holder: change, claim: undefined }, keep],
    ['under a newer claim', { holder: change, claim: newer }, beaten],
    ['under its own newer claim', { holder: change, claim: by('k', 6, 2) }, keep],
    ['under an older claim', { holder: change, claim: by('other', 4, 1) }, keep],
    ['whose row is gone', { holder: undefined, claim: newer }, keep],
    ['whose row gave the value up', { holder: newer, claim: newer }, keep],
    ['whose row was written anew', { holder: by('k', 7, 2), claim: newer }, keep],
  ])('%s', (_, taken, resolution) => {
    expect(settleOwn(change, keep, [taken])).toMatchObject({ resolution, evicted: [] });
  });

  test('evicts an older row, and not one of its own moment', () => {
    const evictedBy = (holder: ReturnType<typeof by>) =>
      settleOwn(change, keep, [{ ...free, holder }]).evicted;
    expect(evictedBy(by('other', 4, 1))).toEqual([by('other', 4, 1)]);
    expect(evictedBy(by('other', 5, 2))).toEqual([]);
  });
});
