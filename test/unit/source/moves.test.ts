import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ReplicatorError } from '../../../src/model/errors.ts';
import { Moves } from '../../../src/source/moves.ts';
import { Seat } from '../../../src/source/seat.ts';
import type { SourceReader } from '../../../src/source/source-reader.ts';
import type { Subscriber } from '../../../src/source/subscriber.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('a target that is away for a minute is detached, also when the clock is set back meanwhile', async () => {
  const away = { name: 'a:b', target: 'b', present: false, paused: false, attachment: 0 };
  const seat = new Seat(away as Subscriber);
  let attempts = 0;
  const moves = new Moves({
    seats: [seat],
    stream: { served: [] as readonly Subscriber[] } as SourceReader,
    openOwn: () => {
      throw new Error('nothing was copied');
    },
    writing: async () => {
      attempts += 1;
      throw new ReplicatorError('UNREACHABLE', 'the source is away as well');
    },
    handoverBytes: 0,
    log: pino({ level: 'silent' }),
  });
  async function tendAfter(ms: number): Promise<number> {
    vi.advanceTimersByTime(ms);
    await moves.tend(seat);
    return attempts;
  }
  expect(await tendAfter(59_000)).toBe(0);
  vi.setSystemTime(Date.now() - 3_600_000);
  expect(await tendAfter(2_000)).toBe(1);
  // what failed is tried again after ten seconds
  vi.setSystemTime(Date.now() - 3_600_000);
  expect(await tendAfter(9_000)).toBe(1);
  expect(await tendAfter(2_000)).toBe(2);
});
