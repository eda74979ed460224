import { expect, test } from 'vitest';
import type { Conflict, ConflictSide } from '../../../../src/model/conflict.ts';
import { unchanged } from '../../../../src/model/tuple.ts';
import { logConflicts, rowImage } from '../../../../src/target/conflict/conflict-log.ts';

test('an image has every value that was sent, by its column', () => {
  const names = ['id', 'v', 'large', '__proto__'];
  expect(rowImage(names, ['1', null, unchanged, 'x'])).toEqual(
    Object.fromEntries([
      ['id', '1'],
      ['v', null],
      ['__proto__', 'x'],
    ]),
  );
});

test('a value that would make an image too large is left out', () => {
  const large = 'x'.repeat(600_000);
  expect(rowImage(['a', 'b', 'c'], [large, large, '1'])).toEqual({ a: large, c: '1' });
});

const side = (row: ConflictSide['row']): ConflictSide => ({ version: { time: 0n, rank: 1 }, row });

const conflict = (local: ConflictSide | undefined, remote: ConflictSide): Conflict => ({
  kind: 'update_origin_differs',
  resolution: 'apply_remote',
  rule: 'newer',
  sync: 's',
  table: { schema: 'public', name: 't' },
  key: { id: '1' },
  local,
  remote,
});

const isLogged = (each: Conflict, log: 'full' | 'keys' | 'off' = 'keys') =>
  logConflicts('a', [{ ...each, log }]) !== undefined;

test('two that wrote the same row are in no conflict', () => {
  expect(isLogged(conflict(side({ id: '1', v: null }), side({ id: '1', v: null })))).toBe(false);
  expect(isLogged(conflict(side({ id: '1', v: null }), side({ id: '1', v: '' })))).toBe(true);
  // a column that only the target has
  expect(isLogged(conflict(side({ id: '1', more: 'x' }), side({ id: '1' })))).toBe(false);
});

test('nor are two that deleted it', () => {
  expect(isLogged(conflict(side(undefined), side(undefined)))).toBe(false);
  expect(isLogged(conflict(side(undefined), side({ id: '1' })))).toBe(true);
  expect(isLogged(conflict(side({ id: '1' }), side(undefined)))).toBe(true);
  expect(isLogged(conflict(undefined, side(undefined)))).toBe(true);
});

test('conflict_log off keeps nothing', () => {
  expect(isLogged(conflict(undefined, side({ id: '1' })), 'off')).toBe(false);
});
