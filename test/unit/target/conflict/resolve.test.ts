import { describe, expect, test } from 'vitest';
import { type Present, resolve, resolveOwn } from '../../../../src/target/conflict/resolve.ts';

const at = (time: number, rank: number) => ({ time: BigInt(time), rank });
const nothing: Present = { row: undefined, tombstone: undefined };

describe('a change of another database', () => {
  const write = { kind: 'write', version: at(5, 2) } as const;
  const remove = { kind: 'delete', version: at(5, 2) } as const;

  test.each([
    ['no row', nothing, 'write'],
    ['an older row', { ...nothing, row: at(4, 1) }, 'write'],
    ['a newer row', { ...nothing, row: at(6, 1) }, 'keep'],
    ['a tie with a lower rank', { ...nothing, row: at(5, 1) }, 'write'],
    ['a tie with a higher rank', { ...nothing, row: at(5, 3) }, 'keep'],
    ['a newer row of its own source', { ...nothing, row: at(6, 2) }, 'write'],
    ['a row of its own batch', { ...nothing, row: 'own batch' }, 'write'],
    ['an older delete', { ...nothing, tombstone: at(4, 1) }, 'write'],
    ['a newer delete', { ...nothing, tombstone: at(6, 1) }, 'keep'],
    ['its own delete', { ...nothing, tombstone: at(5, 2) }, 'write'],
    ['a row that came after a newer delete', { row: at(4, 1), tombstone: at(6, 3) }, 'write'],
  ] as const)('a write over %s', (_, present, action) => {
    expect(resolve(write, present)).toEqual({ action, bury: undefined });
  });

  test.each([
    ['no row', nothing, 'keep'],
    ['an older row', { ...nothing, row: at(4, 1) }, 'delete'],
    ['a newer row', { ...nothing, row: at(6, 1) }, 'keep'],
    ['a row of its own source', { ...nothing, row: at(6, 2) }, 'delete'],
  ] as const)('a delete of %s leaves its tombstone', (_, present, action) => {
    expect(resolve(remove, present)).toEqual({ action, bury: at(5, 2) });
  });
});

describe('a change of the database itself', () => {
  const write = { kind: 'write', version: at(5, 2) } as const;
  const remove = { kind: 'delete', version: at(5, 2) } as const;

  test.each([
    ['a write that stands', write, { ...nothing, row: at(5, 2) }, 'keep', undefined],
    [
      'a write under a newer delete',
      write,
      { row: at(5, 2), tombstone: at(6, 1) },
      'delete',
      undefined,
    ],
    ['a write that is gone', write, { ...nothing, tombstone: at(6, 1) }, 'keep', undefined],
    ['a delete', remove, nothing, 'keep', at(5, 2)],
    ['a delete under an older row', remove, { ...nothing, row: at(4, 1) }, 'delete', at(5, 2)],
    ['a delete under its own older row', remove, { ...nothing, row: at(4, 2) }, 'delete', at(5, 2)],
    ['a delete under a newer row', remove, { ...nothing, row: at(6, 1) }, 'keep', at(5, 2)],
  ] as const)('%s', (_, incoming, present, action, bury) => {
    expect(resolveOwn(incoming, present)).toEqual({ action, bury });
  });
});
