import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RowChange } from '../../../src/model/change.ts';
import type { TransactionPart } from '../../../src/model/transaction.ts';
import { Tuple } from '../../../src/model/tuple.ts';
import { Inbox } from '../../../src/subscription/inbox.ts';
import { PartFilter } from '../../../src/subscription/part-filter.ts';
import { relationOf, transactionOf } from '../../support/model-values.ts';

const mine = relationOf('mine');
const other = relationOf('other', ['id*', 'v'], 16_390);
const unlimited = { changes: 1e9, bytes: 1e9 };

let inbox: Inbox;

beforeEach(() => {
  inbox = new Inbox();
  inbox.open(new PartFilter(new Map([['public.mine', joinedAt(0n)]])), 100n);
});

afterEach(() => {
  vi.useRealTimers();
});

function joinedAt(copiedAt: bigint) {
  return { copiedAt, truncate: 'replicate' as const };
}

function insert(relation = mine): RowChange[] {
  return [{ kind: 'insert', relation, new: Tuple.of(['1', null]) }];
}

function part(lsn: bigint, relation: typeof mine, rest: Partial<TransactionPart>): TransactionPart {
  return transactionOf(lsn, insert(relation), rest);
}

/** Ends of what waits, in order; undefined for a part that is not the last. */
function waiting(): unknown[] {
  const ends: unknown[] = [];
  for (let work = inbox.queue.peek(unlimited); work; work = inbox.queue.peek(unlimited)) {
    ends.push(work.kind === 'batch' ? work.batch.endLsn : work.part.endLsn);
    inbox.queue.release(work.parts);
  }
  return ends;
}

test('before it is opened it takes nothing', () => {
  const closed = new Inbox();
  closed.receive(transactionOf(200n, insert()));
  expect(closed.queue.empty).toBe(true);
  expect(closed.wants(mine)).toBe(false);
});

test('what the target has is dropped; a commit that begins at its position is new', () => {
  inbox.receive(transactionOf(90n, insert()));
  inbox.receive(transactionOf(100n, insert()));
  expect(waiting()).toEqual([110n]);
});

test('a change that would be dropped is not one that it takes', () => {
  inbox.open(new PartFilter(new Map([['public.mine', joinedAt(150n)]])), 200n);
  expect(inbox.takes(mine, 149n)).toBe(false);
  expect(inbox.takes(mine, 199n)).toBe(false);
  expect(inbox.takes(mine, 200n)).toBe(true);
  inbox.receive(transactionOf(200n, insert()));
  expect(inbox.takes(mine, 200n)).toBe(false);
  inbox.open(new PartFilter(new Map([['public.mine', joinedAt(300n)]])), 200n);
  expect(inbox.takes(mine, 299n)).toBe(false);
  expect(inbox.takes(mine, 300n)).toBe(true);
  expect(inbox.takes(other, 300n)).toBe(false);
});

test('what was received once is dropped when it is sent again', () => {
  inbox.receive(transactionOf(200n, insert()));
  inbox.receive(transactionOf(200n, insert()));
  expect(waiting()).toEqual([210n]);
});

test('a transaction of other tables only moves the position', () => {
  inbox.receive(transactionOf(200n, insert(other)));
  expect(inbox.queue.empty).toBe(true);
  expect(inbox.passedLsn).toBe(210n);
});

test('one that was marked is queued even if it carries nothing', () => {
  inbox.receive(transactionOf(200n, [], { marked: true }));
  expect(waiting()).toEqual([210n]);
});

test('of parts only those with something in them are queued, the last with its end', () => {
  inbox.receive(part(200n, other, { endLsn: undefined }));
  inbox.receive(part(200n, mine, { endLsn: undefined, first: false }));
  inbox.receive(part(200n, other, { endLsn: undefined, first: false }));
  inbox.receive(part(200n, other, { first: false }));
  const work = inbox.queue.peek(unlimited);
  // for this target it begins here
  expect(work).toMatchObject({ kind: 'part', part: { first: true } });
  expect(waiting()).toEqual([undefined, 210n]);
});

test('a transaction in parts of which only the last is for us is a whole one', () => {
  inbox.receive(part(200n, other, { endLsn: undefined }));
  inbox.receive(part(200n, mine, { first: false }));
  expect(inbox.queue.peek(unlimited)).toMatchObject({ kind: 'batch' });
});

test('parts whose end will not come are dropped, and come again whole', () => {
  inbox.receive(transactionOf(150n, insert()));
  inbox.receive(part(200n, mine, { endLsn: undefined }));
  expect(inbox.interrupted()).toBe(true);
  expect(inbox.interrupted()).toBe(false);
  inbox.receive(transactionOf(150n, insert()));
  inbox.receive(part(200n, mine, { endLsn: undefined }));
  inbox.receive(part(200n, mine, { first: false }));
  expect(waiting()).toEqual([160n, undefined, 210n]);
});

describe('since rows would be missing it refuses of a transaction in parts', () => {
  const begin = { endLsn: undefined };
  const middle = { endLsn: undefined, first: false };
  const end = { first: false };

  function expectRefused(refused: TransactionPart): void {
    const before = inbox.queue.bytes;
    expect(() => inbox.receive(refused)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    expect(inbox.queue.bytes).toBe(before);
  }

  test.each([
    ['a middle', mine, middle],
    ['an end', mine, end],
    // what was missed before it may have been ours
    ['one without anything for us', other, middle],
  ])('%s of which the beginning did not come', (_, relation, rest) => {
    expectRefused(part(200n, relation, rest));
    inbox.receive(transactionOf(150n, insert()));
    expectRefused(part(200n, relation, rest));
  });

  test('what follows when the stream broke off, or it was opened anew', () => {
    inbox.receive(part(200n, mine, begin));
    inbox.interrupted();
    expectRefused(part(200n, mine, end));
    inbox.receive(part(200n, other, begin));
    inbox.open(new PartFilter(new Map([['public.mine', joinedAt(0n)]])), 100n);
    expectRefused(part(200n, mine, end));
  });

  test.each([
    ['the beginning', begin],
    ['the end', end],
  ])('%s of another one before its end', (_, rest) => {
    inbox.receive(part(200n, other, begin));
    expectRefused(part(300n, mine, rest));
  });

  test('but nothing of one that the target has', () => {
    inbox.receive(part(50n, mine, middle));
    inbox.receive(part(50n, mine, end));
    inbox.receive(part(200n, mine, begin));
    inbox.receive(part(200n, mine, end));
    inbox.receive(part(200n, mine, end));
    expect(waiting()).toEqual([undefined, 210n]);
  });
});

test('parts that were already handed out also count as interrupted', () => {
  inbox.receive(part(200n, mine, { endLsn: undefined }));
  expect(waiting()).toEqual([undefined]);
  expect(inbox.interrupted()).toBe(true);
});

test('a position is stored at once when it is urgent, and never before what waits', () => {
  inbox.passed(500n, false);
  expect(inbox.passDue(100n)).toBeUndefined();
  inbox.passed(600n, true);
  expect(inbox.passDue(100n)?.lsn).toBe(600n);
  inbox.receive(transactionOf(700n, insert()));
  expect(inbox.passDue(100n)).toBeUndefined();
  waiting();
  expect(inbox.passDue(100n)?.lsn).toBe(600n);
  inbox.stored(500n);
  expect(inbox.passDue(500n)?.lsn).toBe(600n);
  inbox.stored(600n);
  inbox.passed(601n, false);
  expect(inbox.passDue(600n)).toBeUndefined();
});

test('otherwise after 16 MB of WAL or ten minutes, so that two idle masters do not write in turn', () => {
  const far = 100n + 16n * 1024n * 1024n;
  inbox.passed(far, false);
  expect(inbox.passDue(100n)).toBeUndefined();
  inbox.passed(far + 1n, false);
  expect(inbox.passDue(100n)?.lsn).toBe(far + 1n);

  vi.useFakeTimers();
  inbox.stored(far);
  vi.advanceTimersByTime(9 * 60_000);
  expect(inbox.passDue(far)).toBeUndefined();
  // ten minutes also where the clock of the host is set back meanwhile
  vi.setSystemTime(Date.now() - 3_600_000);
  vi.advanceTimersByTime(2 * 60_000);
  expect(inbox.passDue(far)?.lsn).toBe(far + 1n);
  expect(inbox.passDue(far + 1n)).toBeUndefined();
});

test('and long before a place would be given up', () => {
  const watched = new Inbox(4_096);
  watched.open(new PartFilter(new Map()), 100n);
  watched.passed(1_124n, false);
  expect(watched.passDue(100n)).toBeUndefined();
  watched.passed(1_125n, false);
  expect(watched.passDue(100n)?.lsn).toBe(1_125n);
});

test('to open it anew forgets everything', () => {
  inbox.receive(part(200n, mine, { endLsn: undefined }));
  inbox.passed(900n, true);
  inbox.open(new PartFilter(new Map([['public.other', joinedAt(0n)]])), 300n);
  expect(inbox.queue.empty).toBe(true);
  expect(inbox.passedLsn).toBe(300n);
  expect(inbox.interrupted()).toBe(false);
  expect(inbox.wants(other)).toBe(true);
  expect(inbox.wants(mine)).toBe(false);
});

test('what is given up is not passed by, and nothing behind it is taken', () => {
  inbox.receive(transactionOf(200n, insert()));
  inbox.passed(300n, true);
  inbox.close();
  inbox.passed(400n, true);
  inbox.receive(transactionOf(500n, insert()));
  expect(waiting()).toEqual([]);
  expect(inbox.passDue(100n)).toBeUndefined();
  inbox.open(new PartFilter(new Map([['public.mine', joinedAt(0n)]])), 100n);
  inbox.receive(transactionOf(200n, insert()));
  expect(waiting()).toHaveLength(1);
});
