import { expect, test } from 'vitest';
import { lifecycle, mayMove, type SubscriptionState } from '../../../src/subscription/lifecycle.ts';

const states = Object.keys(lifecycle) as SubscriptionState[];

test('every state can be stopped', () => {
  for (const state of states) expect(mayMove(state, 'stopped')).toBe(true);
});

test('trouble can come from any running state and go away again', () => {
  for (const state of ['starting', 'copying', 'streaming'] as const) {
    expect(mayMove(state, 'waiting')).toBe(true);
    expect(mayMove(state, 'failed')).toBe(true);
    expect(mayMove('waiting', state)).toBe(true);
    expect(mayMove('failed', state)).toBe(true);
  }
});

test('what streams does not copy, and what is stopped begins anew', () => {
  expect(mayMove('streaming', 'copying')).toBe(false);
  expect(states.filter((state) => mayMove('stopped', state))).toEqual(['starting', 'stopped']);
});
