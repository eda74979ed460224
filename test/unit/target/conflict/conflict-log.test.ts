import { expect, test } from 'vitest';
import type { Conflict } from '../../../../src/model/conflict.ts';
import { unchanged } from '../../../../src/model/tuple.ts';
import { rowImage, toldOf } from '../../../../src/target/conflict/conflict-log.ts';

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

test('conflict_log off keeps nothing', () => {
  const version = { time: 0n, rank: 1 };
  const conflict: Conflict = {
    kind: 'update_missing',
    resolution: 'apply_remote',
    rule: 'missing',
    sync: 's',
    table: { oid: '17', schema: 'public', name: 't' },
    key: { id: '1' },
    local: undefined,
    remote: { version, row: () => ({ id: '1' }) },
  };
  expect(toldOf(conflict, 'off')).toBeUndefined();
  expect(toldOf(conflict, 'keys')).toBeDefined();
});
