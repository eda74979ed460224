import { describe, expect, test } from 'vitest';
import type { InsertChange } from '../../../src/model/change.ts';
import { Tuple } from '../../../src/model/tuple.ts';
import { TransactionQueue } from '../../../src/subscription/queue.ts';
import { headOf, relationOf, transactionOf } from '../../support/model-values.ts';

const table = relationOf('t');
const unlimited = { changes: 1e9, bytes: 1e9 };

function inserts(...ids: number[]): InsertChange[] {
  return ids.map((id) => ({ kind: 'insert', relation: table, new: Tuple.of([String(id), null]) }));
}

function queueOf(...parts: ReturnType<typeof transactionOf>[]): TransactionQueue {
  const queue = new TransactionQueue();
  for (const part of parts) queue.push(part);
  return queue;
}

test('what waits becomes one batch: changes in order, the last end, the newest time', () => {
  const parts = [
    transactionOf(100n, inserts(1)),
    transactionOf(200n, inserts(2), { transaction: headOf(200n, 50n) }),
    transactionOf(300n, inserts(3, 4)),
  ];
  expect(queueOf(...parts).peek(unlimited)).toEqual({
    kind: 'batch',
    batch: { transactions: parts, endLsn: 310n, commitTime: 300n },
    parts,
    full: false,
  });
});

test('what comes behind a batch, and whether more can still join it', () => {
  const parts = [100n, 200n, 300n].map((lsn) => transactionOf(lsn, inserts(1)));
  const queue = queueOf(...parts);
  const two = { ...unlimited, changes: 2 };
  expect(queue.peek(two)).toMatchObject({ parts: [{}, {}], full: true });
  expect(queue.peek(two, 1)).toMatchObject({ batch: { endLsn: 310n }, full: false });
  expect(queue.peek(two, 2)).toMatchObject({ parts: [parts[2]], full: false });
  expect(queue.peek(two, 3)).toBeUndefined();
});

test('the newest commit time counts, not the last', () => {
  const late = transactionOf(200n, inserts(2), { transaction: headOf(200n, 50n) });
  const work = queueOf(transactionOf(100n, inserts(1)), late).peek(unlimited);
  expect(work).toMatchObject({ batch: { endLsn: 210n, commitTime: 100n } });
});

test('work stays until it is released, so that a failed batch is not lost', () => {
  const queue = queueOf(transactionOf(100n, inserts(1)), transactionOf(200n, inserts(2)));
  const work = queue.peek(unlimited);
  expect(queue.peek(unlimited)).toEqual(work);
  queue.push(transactionOf(300n, inserts(3)));
  queue.release(work?.parts ?? []);
  expect(queue.bytes).toBe(100);
  const rest = queue.peek(unlimited);
  expect(rest).toMatchObject({ batch: { endLsn: 310n, transactions: [{}] } });
  queue.release(rest?.parts ?? []);
  expect(queue.empty).toBe(true);
  expect(queue.bytes).toBe(0);
  expect(queue.peek(unlimited)).toBeUndefined();
});

describe('a batch is bounded', () => {
  const three = [1n, 2n, 3n].map((n) => transactionOf(n * 100n, inserts(Number(n), 9)));
  test.each([
    ['by changes', { changes: 4, bytes: 1e9 }, 2],
    ['by bytes', { changes: 1e9, bytes: 400 }, 2],
    ['but holds at least one transaction', { changes: 1, bytes: 1 }, 1],
  ])('%s', (_, limits, parts) => {
    expect(queueOf(...three).peek(limits)?.parts).toHaveLength(parts);
  });
});

test('a transaction in parts is applied part by part, alone', () => {
  const head = headOf(200n);
  const first = transactionOf(200n, inserts(2), { transaction: head, endLsn: undefined });
  const last = transactionOf(200n, inserts(3), { transaction: head, first: false });
  const queue = queueOf(transactionOf(100n, inserts(1)), first, last, transactionOf(300n));
  const kinds: unknown[] = [];
  for (let work = queue.peek(unlimited); work !== undefined; work = queue.peek(unlimited)) {
    kinds.push(work.kind === 'batch' ? work.batch.endLsn : work.part.endLsn);
    queue.release(work.parts);
  }
  expect(kinds).toEqual([110n, undefined, 210n, 310n]);
});

test('the parts of a transaction whose end did not come are dropped, and nothing else', () => {
  const open = transactionOf(200n, inserts(2), { endLsn: undefined });
  const more = transactionOf(200n, inserts(3), { endLsn: undefined, first: false });
  const queue = queueOf(transactionOf(100n, inserts(1)), open, more);
  expect(queue.dropIncomplete()).toBe(true);
  expect(queue.bytes).toBe(100);
  expect(queue.peek(unlimited)).toMatchObject({ batch: { transactions: [{}], endLsn: 110n } });
  expect(queue.dropIncomplete()).toBe(false);
  expect(new TransactionQueue().dropIncomplete()).toBe(false);
});

test('a batch that turned out to be committed is not applied again', () => {
  const three = [100n, 200n, 300n].map((lsn) => transactionOf(lsn, inserts(1)));
  const queue = queueOf(...three);
  // the end of the second is where the third may begin
  queue.dropApplied(210n);
  expect(queue.peek(unlimited)).toMatchObject({ batch: { transactions: [{}], endLsn: 310n } });
  expect(queue.bytes).toBe(100);
  queue.dropApplied(1_000n);
  expect(queue.empty).toBe(true);
});

test('one transaction at a time, also of those without a change', () => {
  const queue = queueOf(transactionOf(100n), transactionOf(200n, inserts(1)));
  expect(queue.peek({ ...unlimited, transactions: 1 })).toMatchObject({ batch: { endLsn: 110n } });
});

test('a commit record that directly follows the progress is kept', () => {
  const queue = queueOf(transactionOf(100n), transactionOf(110n));
  queue.dropApplied(110n);
  expect(queue.peek(unlimited)).toMatchObject({ batch: { transactions: [{}], endLsn: 120n } });
});

test('work that was dropped while it was applied is not there to be released', () => {
  const queue = queueOf(transactionOf(100n, inserts(1)));
  const work = queue.peek(unlimited);
  queue.clear();
  queue.push(transactionOf(100n, inserts(1)));
  queue.release(work?.parts ?? []);
  expect(queue.bytes).toBe(100);
  expect(queue.peek(unlimited)).toMatchObject({ batch: { endLsn: 110n } });
});

test('waiting ends with work, with a wake, and with its time', async () => {
  const queue = new TransactionQueue();
  const woken = queue.wait(60_000);
  queue.wake();
  await woken;
  const pushed = queue.wait(60_000);
  queue.push(transactionOf(100n));
  await pushed;
  await queue.wait(60_000);
  queue.clear();
  expect([queue.empty, queue.bytes]).toEqual([true, 0]);
  await queue.wait(1);
});
