import { expect, test } from 'vitest';
import type { Lsn } from '../../../src/model/lsn.ts';
import type { Look, SlotReading } from '../../../src/source/look.ts';
import { type OwnStream, Seat } from '../../../src/source/seat.ts';
import type { Subscriber } from '../../../src/source/subscriber.ts';
import { thoseWhoMustLeave, tooCostly } from '../../../src/source/wal-watch.ts';

const copy = { slot: 'replicator_a__b', madeAt: '' };
const limits = { warnBytes: 10, giveUpBytes: 100 };

function slot(target: string | undefined, rest: Partial<SlotReading>): SlotReading {
  const slotName = target === undefined ? 'replicator_a' : `replicator_a__${target}`;
  return {
    target,
    slot: slotName,
    found: true,
    recorded: true,
    madeAt: '',
    restartLsn: 1_000n,
    confirmedLsn: 1_000n,
    lost: false,
    ...rest,
  };
}

const look = (...slots: SlotReading[]): Look => ({
  walLsn: 1_000n,
  slots,
  wishes: new Map(),
  lagMs: 0,
});

test('a copy is too costly when it alone keeps that much, and its target is that far behind', () => {
  const behind = slot('b', { restartLsn: 800n, confirmedLsn: 850n });
  expect(tooCostly(look(slot(undefined, {}), behind), limits)).toEqual([behind]);
  const near = slot('b', { restartLsn: 800n, confirmedLsn: 950n });
  expect(tooCostly(look(slot(undefined, {}), near), limits)).toEqual([]);
});

test('an open transaction, which holds every slot alike, costs no target its place', () => {
  const main = slot(undefined, { restartLsn: 800n });
  const behind = slot('b', { restartLsn: 790n, confirmedLsn: 800n });
  expect(tooCostly(look(main, behind), limits)).toEqual([]);
});

test('never is never, but what the server has taken away is gone', () => {
  const never = { ...limits, giveUpBytes: undefined };
  const behind = slot('b', { restartLsn: 1n, confirmedLsn: 1n });
  const lost = slot('c', { restartLsn: 0n, lost: true });
  expect(tooCostly(look(slot(undefined, {}), behind, lost), never)).toEqual([lost]);
});

function seat(target: string, securedLsn: Lsn): Seat {
  return new Seat({ target, securedLsn } as Subscriber);
}

test('who stands at the end of the slot of all must leave it when that is too far behind', () => {
  const [b, c] = [seat('b', 900n), seat('c', 901n)];
  const near = look(slot(undefined, { confirmedLsn: 901n }));
  expect(thoseWhoMustLeave(near, limits, [c, b])).toEqual([]);
  const far = look(slot(undefined, { confirmedLsn: 900n }));
  expect(thoseWhoMustLeave(far, limits, [c, b])).toEqual([b]);
  expect(thoseWhoMustLeave(far, { ...limits, giveUpBytes: undefined }, [c, b])).toEqual([]);
});

test('it is the one that has only just joined, when that is what stands there', () => {
  const [b, c] = [seat('b', 890n), seat('c', 1_000n)];
  b.state = { kind: 'joined', copy };
  const far = look(slot(undefined, { confirmedLsn: 900n }), slot('b', { confirmedLsn: 890n }));
  expect(thoseWhoMustLeave(far, limits, [c, b])).toEqual([b]);
});

test('nor may who has a copy that is so far behind hold the slot of all', () => {
  const [b, c] = [seat('b', 900n), seat('c', 900n)];
  const far = look(slot(undefined, {}), slot('b', { confirmedLsn: 900n }));
  b.state = { kind: 'joined', copy };
  expect(thoseWhoMustLeave(far, limits, [c, b])).toEqual([b]);
  b.state = { kind: 'own slot', copy, own: {} as OwnStream };
  expect(thoseWhoMustLeave(far, limits, [c, b])).toEqual([b]);
  // Of a copy that is to be removed nobody has need.
  b.state = { kind: 'stream' };
  expect(thoseWhoMustLeave(far, limits, [c, b])).toEqual([]);
});
