import { beforeEach, expect, test } from 'vitest';
import type { Lease } from '../../../../src/source/ownership/lease.ts';
import {
  frozenAfterMs,
  goneAfterMs,
  LeaseWatch,
  lookEveryMs,
  renewEveryMs,
} from '../../../../src/source/ownership/lease-watch.ts';

let clock: number;
let watch: LeaseWatch;

beforeEach(() => {
  // monotonic clocks begin anywhere
  clock = 123_456.5;
  watch = new LeaseWatch(() => clock);
});

const owned: Lease = {
  epoch: 7n,
  owner: { id: 'one', host: 'h', pid: 1, since: '2026-01-01' },
  backend: { pid: '10', start: '2026-01-01' },
  connected: true,
  sign: 'replicator/a/lease 1',
};

/** Asked and answered at once. */
function look(lease: Partial<Lease> = {}): boolean {
  return watch.mayTake({ ...owned, ...lease }, clock);
}

/** Looks as often as the program does; gives after how long it may be taken, or undefined. */
function takenAfter(leaseAt: (ms: number) => Partial<Lease>, forMs = 60_000): number | undefined {
  const begin = clock;
  for (let ms = 0; ms <= forMs; ms += lookEveryMs) {
    clock = begin + ms;
    if (look(leaseAt(ms))) return ms;
  }
  return undefined;
}

test('nobody has it: at once', () => {
  expect(look({ owner: undefined, connected: false, sign: undefined })).toBe(true);
});

test('an owner that renews it keeps it for ever', () => {
  expect(takenAfter((ms) => ({ sign: `sign ${Math.floor(ms / renewEveryMs)}` }))).toBe(undefined);
});

test('an owner that is late keeps it', () => {
  const lateMs = frozenAfterMs - lookEveryMs;
  expect(takenAfter((ms) => ({ sign: `sign ${Math.floor(ms / lateMs)}` }))).toBe(undefined);
});

test('an owner whose session shows no life loses it after six seconds', () => {
  expect(takenAfter(() => ({}))).toBe(frozenAfterMs);
  expect(frozenAfterMs).toBe(6_000);
});

test('the last sign of life counts, not the first', () => {
  expect(takenAfter((ms) => ({ sign: `sign ${Math.min(ms, 4_000)}` }))).toBe(4_000 + frozenAfterMs);
});

test('an owner without a session loses it after a second', () => {
  expect(takenAfter(() => ({ connected: false, sign: undefined }))).toBe(goneAfterMs);
});

test('an owner that comes back with another session keeps it', () => {
  const away = { connected: false, sign: undefined };
  expect(takenAfter((ms) => (ms % 1_000 === 0 ? away : { sign: `sign ${ms}` }))).toBe(undefined);
});

test('another owner, or another epoch, is watched from the start', () => {
  expect(takenAfter(() => ({}), frozenAfterMs - 1)).toBe(undefined);
  clock += frozenAfterMs;
  expect(look({ epoch: 8n })).toBe(false);
  clock += frozenAfterMs - 1;
  expect(look({ epoch: 8n })).toBe(false);
  clock += 1;
  expect(look({ epoch: 8n })).toBe(true);
});

test('only what lies between an answer and a later question proves a standstill', () => {
  const askedAt = clock;
  // the answer takes long: what it shows may have been so only at its end
  clock += 5_000;
  expect(watch.mayTake(owned, askedAt)).toBe(false);
  const askedAgainAt = clock + 5_999;
  clock += 20_000;
  expect(watch.mayTake(owned, askedAgainAt)).toBe(false);
  expect(watch.mayTake(owned, clock)).toBe(true);
});

test('an owner whose signs of life are hidden from our role is not judged', () => {
  expect(takenAfter(() => ({ sign: undefined }))).toBe(undefined);
});
