import { pino } from 'pino';
import { beforeEach, expect, test, vi } from 'vitest';
import { ReplicatorError } from '../../../src/model/errors.ts';
import { Moves } from '../../../src/source/moves.ts';
import { type OwnStream, Seat } from '../../../src/source/seat.ts';
import type { SourceReader } from '../../../src/source/source-reader.ts';
import type { Subscriber } from '../../../src/source/subscriber.ts';

const copy = { slot: 'replicator_a__b', madeAt: '' };

/** Of a target that has everything up to 90. */
class ScriptedSubscriber {
  readonly name = 'a:b';
  readonly target = 'b';
  readonly securedLsn = 90n;
  readonly appliedLsn = 90n;
  readonly full = false;
  readonly crowded = false;
  present = true;
  paused = false;
  attachment = 1;
  readonly placed = vi.fn();

  leave(): void {
    this.attachment = 0;
  }
}

let subscriber: ScriptedSubscriber;
let seat: Seat;
let moves: Moves;
let opened: string[];
const admit = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
  admit.mockClear();
  opened = [];
  subscriber = new ScriptedSubscriber();
  seat = new Seat(subscriber as unknown as Subscriber);
  const served = [subscriber];
  const stream = {
    streaming: true,
    paused: false,
    confirmedLsn: 100n,
    receivedLsn: 100n,
    served,
    progressed: () => {},
    admit,
  } as unknown as SourceReader;
  moves = new Moves({
    seats: [seat],
    stream,
    openOwn: (slot) => {
      opened.push(slot);
      return { reader: { served }, stop: new AbortController() } as unknown as OwnStream;
    },
    writing: async () => {
      throw new Error('nothing is written');
    },
    handoverBytes: 1_000,
    log: pino({ enabled: false }),
  });
  return () => vi.useRealTimers();
});

test('one that has only just joined stays in the stream while it is to be expected to catch up', async () => {
  seat.state = { kind: 'joined', copy };
  subscriber.present = false;
  await moves.tend(seat);
  vi.advanceTimersByTime(60_000);
  await moves.tend(seat);
  expect(seat.state).toEqual({ kind: 'joined', copy });
});

test.each([
  ['is paused', () => (subscriber.paused = true)],
  ['is away for longer than a restart takes', () => vi.advanceTimersByTime(60_001)],
  ['is further behind than may be', () => (seat.mustLeave = true)],
])('it goes back to its copy when it %s', async (_, happen) => {
  seat.state = { kind: 'joined', copy };
  subscriber.present = false;
  await moves.tend(seat);
  happen();
  await moves.tend(seat);
  expect(seat.state).toMatchObject({ kind: 'own slot', copy });
  expect(opened).toEqual([copy.slot]);
  expect(seat.holdsStream).toBe(false);
  expect(subscriber.attachment).toBe(0);
  expect(subscriber.placed).toHaveBeenLastCalledWith('own slot');
});

test('one that is further behind than may be does not join', async () => {
  moves.takeOwnSlot(seat, copy);
  seat.mustLeave = true;
  await moves.tend(seat);
  expect(seat.state.kind).toBe('own slot');
  expect(admit).not.toHaveBeenCalled();
  seat.mustLeave = false;
  await moves.tend(seat);
  expect(seat.state.kind).toBe('joining');
  expect(admit).toHaveBeenCalledOnce();
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
