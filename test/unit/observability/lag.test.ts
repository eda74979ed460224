import { expect, test } from 'vitest';
import { lagOf } from '../../../src/observability/lag.ts';

const source = {
  walLsn: 1_000n,
  now: 500,
  appliedLsn: new Map([
    [null, 1_000n],
    ['b', 300n],
  ]),
};
const progress = { lsn: 200n, commitTime: 100 };

test('what the slot says that keeps its place counts beside its own progress', () => {
  expect(lagOf(source, null, progress)).toMatchObject({ lagBytes: 0, lagSeconds: 0 });
  expect(lagOf(source, 'b', progress)).toMatchObject({ lagBytes: 700, lagSeconds: 400 });
  expect(lagOf(source, 'c', progress)).toMatchObject({ lagBytes: 800, flushedLsn: '0/C8' });
});

test('without a place only its own progress counts: what others have says nothing of it', () => {
  expect(lagOf(source, undefined, progress)).toMatchObject({ lagBytes: 800, lagSeconds: 400 });
});

test('how long it is behind is not known before anything was applied', () => {
  const unknown = { ...progress, commitTime: null };
  expect(lagOf(source, 'b', unknown)).toMatchObject({ lagBytes: 700, lagSeconds: null });
  expect(lagOf(source, null, unknown)).toMatchObject({ lagBytes: 0, lagSeconds: 0 });
});

test('where a side does not answer', () => {
  const nothing = { lagBytes: null, lagSeconds: null };
  expect(lagOf(undefined, null, progress)).toEqual({ ...nothing, flushedLsn: '0/C8' });
  expect(lagOf(source, null, undefined)).toEqual({ ...nothing, flushedLsn: null });
});
