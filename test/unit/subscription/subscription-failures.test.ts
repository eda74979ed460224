// What a subscription does when its target goes away, comes back as another, or is in the middle of
// a transaction. The target is a script here; the statements are proved elsewhere.

import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Batch } from '../../../src/model/batch.ts';
import { ReplicatorError } from '../../../src/model/errors.ts';
import type { TransactionPart } from '../../../src/model/transaction.ts';
import { Tuple } from '../../../src/model/tuple.ts';
import { Subscription } from '../../../src/subscription/subscription.ts';
import type { Applier } from '../../../src/target/apply/applier.ts';
import { relationOf, transactionOf } from '../../support/model-values.ts';

const t = relationOf('t');
const change = { kind: 'insert', relation: t, new: Tuple.of(['1', null]) } as const;

/** One target over all connections to it. */
class ScriptedTarget {
  progress = 100n;
  /** Undefined: all of it is on disk. */
  durableLsn: bigint | undefined;
  flushIsDue = false;
  readonly calls: string[] = [];
  onApply: () => Promise<void> = async () => {};
  onPart: () => void = () => {};
  refuses: (batch: Batch) => boolean = () => false;
  onAbandon = () => {};
  isAway = false;
  onConnect: () => void = () => {};
  /** What was said to be the next batch. */
  #ahead: Batch | undefined;
  #lost = new AbortController();

  connect(): Applier {
    this.onConnect();
    if (this.isAway) throw new ReplicatorError('UNREACHABLE', 'away');
    this.#lost = new AbortController();
    this.#ahead = undefined;
    const target = this;
    return {
      get progress() {
        return target.progress;
      },
      get durableLsn() {
        return target.durableLsn ?? target.progress;
      },
      get flushInMs() {
        return target.flushIsDue ? 0 : Number.POSITIVE_INFINITY;
      },
      flush: async () => {
        this.durableLsn = undefined;
        this.flushIsDue = false;
      },
      lost: this.#lost.signal,
      apply: async (batch: Batch, next: () => Batch | undefined) => {
        await this.onApply();
        if (this.refuses(batch)) throw new ReplicatorError('DATA_REJECTED', 'refused');
        const ahead = this.#ahead?.endLsn ?? batch.endLsn;
        this.#ahead = next();
        this.#advance(ahead === batch.endLsn ? 'batch' : `not ${ahead}, but`, batch.endLsn);
      },
      applyPart: async (part: TransactionPart) => {
        this.onPart();
        if (part.endLsn === undefined) this.calls.push('part');
        else this.#advance('last part', part.endLsn);
      },
      pass: async (lsn: bigint) => this.#advance('pass', lsn),
      settle: async () => {
        this.calls.push('abandon');
        this.onAbandon();
      },
      close: async () => {},
      destroy: () => {},
    } as unknown as Applier;
  }

  loseConnection(): void {
    this.#lost.abort(new ReplicatorError('CONNECTION_LOST', 'lost'));
  }

  #advance(what: string, lsn: bigint): void {
    this.calls.push(`${what} ${lsn}`);
    this.progress = lsn;
  }
}

let stop: AbortController;
let running: Promise<void> | undefined;

beforeEach(() => {
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  await running;
});

async function start(target: ScriptedTarget, paceMs = 0): Promise<Subscription> {
  const attached = { copiedAt: 0n, truncate: 'replicate' as const };
  const subscription = new Subscription({
    name: 'a:b',
    target: 'b',
    limits: { changes: 1_000, bytes: 1_000 },
    queueBytes: 100,
    standbys: undefined,
    paceMs,
    connect: async () => target.connect(),
    join: async () => new Map([['public.t', attached]]),
    onAttach: () => {},
    onProgress: () => {},
    onState: () => {},
    log: pino({ enabled: false }),
  });
  running = subscription.run(stop.signal, new AbortController().signal);
  await subscription.settled;
  return subscription;
}

test('a position is not stored while a transaction in parts is open on the target', async () => {
  const target = new ScriptedTarget();
  const subscription = await start(target);
  subscription.receive(transactionOf(200n, [change], { endLsn: undefined }));
  subscription.passed(200n, true);
  await vi.waitFor(() => expect(target.calls).toContain('part'));
  // It would commit the half of the transaction that has arrived.
  await new Promise((resolve) => setTimeout(resolve, 50));
  subscription.receive(transactionOf(200n, [change], { first: false, endLsn: 210n }));
  await vi.waitFor(() => expect(target.calls).toContain('last part 210'));
  expect(target.calls).toEqual(['abandon', 'part', 'last part 210']);
});

test('what comes anew while what broke off is undone is not undone as well', async () => {
  const target = new ScriptedTarget();
  const subscription = await start(target);
  const begin = () => transactionOf(200n, [change], { endLsn: undefined });
  subscription.receive(begin());
  await vi.waitFor(() => expect(target.calls).toContain('part'));
  target.calls.length = 0;
  target.onAbandon = () => {
    target.onAbandon = () => {};
    subscription.receive(begin());
    subscription.interrupted();
    subscription.receive(begin());
    subscription.receive(transactionOf(200n, [change], { first: false, endLsn: 210n }));
  };
  subscription.interrupted();
  await vi.waitFor(() => expect(target.calls).toContain('last part 210'));
  expect(target.calls.slice(-2)).toEqual(['part', 'last part 210']);
});

test('what has arrived whole is completed, though what is behind it breaks off', async () => {
  const target = new ScriptedTarget();
  const subscription = await start(target);
  target.onPart = () => {
    target.onPart = () => {};
    subscription.receive(transactionOf(200n, [change], { first: false, endLsn: 210n }));
    subscription.receive(transactionOf(300n, [change], { endLsn: undefined }));
    subscription.interrupted();
  };
  subscription.receive(transactionOf(200n, [change], { endLsn: undefined }));
  await vi.waitFor(() => expect(target.calls).toContain('last part 210'));
  expect(target.calls).toEqual(['abandon', 'part', 'last part 210']);
});

test('what nobody waits for is applied at its pace', async () => {
  const target = new ScriptedTarget();
  const subscription = await start(target, 1_000);
  subscription.receive(transactionOf(200n, [change]));
  await vi.waitFor(() => expect(target.progress).toBe(210n));
  subscription.receive(transactionOf(300n, [change]));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(target.progress).toBe(210n);
  await vi.waitFor(() => expect(target.progress).toBe(310n), { timeout: 5_000 });
});

test.each([
  ['behind a batch of many transactions the next one gathers', 5, ['batch 240', 'batch 310']],
  ['behind a batch of few it does not', 4, ['batch 230', 'batch 300', 'batch 310']],
])('%s', async (_, transactions, calls) => {
  let now = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
  const target = new ScriptedTarget();
  const subscription = await start(target);
  target.calls.length = 0;
  target.onApply = async () => {
    target.onApply = async () => {};
    subscription.receive(transactionOf(290n, [change]));
    setTimeout(() => {
      now += 100;
      subscription.receive(transactionOf(300n, [change]));
    }, 1);
  };
  for (let i = 0; i < transactions; i++)
    subscription.receive(transactionOf(190n + 10n * BigInt(i), [change]));
  await vi.waitFor(() => expect(target.progress).toBe(310n));
  expect(target.calls).toEqual(calls);
  clock.mockRestore();
});

test('a target that came back from an older backup is attached anew', async () => {
  const target = new ScriptedTarget();
  const subscription = await start(target);
  const { attachment } = subscription;
  subscription.receive(transactionOf(200n, [change]));
  await vi.waitFor(() => expect(target.progress).toBe(210n));
  target.progress = 100n;
  target.loseConnection();
  // Only so is its position compared with what the slot still has.
  await vi.waitFor(() => expect(subscription.attachment).toBeGreaterThan(attachment));
  expect(subscription.flushedLsn).toBe(100n);
});

test('what a target has is confirmed once it is on disk there', async () => {
  const target = new ScriptedTarget();
  const subscription = await start(target);
  target.durableLsn = 100n;
  subscription.receive(transactionOf(200n, [change]));
  await vi.waitFor(() => expect(subscription.appliedLsn).toBe(210n));
  expect(subscription.flushedLsn).toBe(100n);
  target.flushIsDue = true;
  // Any end of the wait will do.
  subscription.interrupted();
  await vi.waitFor(() => expect(subscription.flushedLsn).toBe(210n));
});

test('a target that has lost what was not on disk is attached anew', async () => {
  const target = new ScriptedTarget();
  const subscription = await start(target);
  const { attachment } = subscription;
  target.durableLsn = 100n;
  subscription.receive(transactionOf(200n, [change]));
  await vi.waitFor(() => expect(subscription.appliedLsn).toBe(210n));
  target.progress = 100n;
  target.loseConnection();
  await vi.waitFor(() => expect(subscription.attachment).toBeGreaterThan(attachment));
  expect(subscription.flushedLsn).toBe(100n);
});

test('of a batch that is refused, what lies before the trouble is applied', async () => {
  const target = new ScriptedTarget();
  target.progress = 0n;
  let refused = 0;
  target.refuses = (batch) => {
    const isBad = batch.endLsn >= 310n;
    if (isBad) refused += 1;
    return isBad;
  };
  const subscription = await start(target);
  target.isAway = true;
  target.loseConnection();
  await vi.waitFor(() => expect(subscription.state).toBe('waiting'));
  // Marked ones hold no change and are applied all the same.
  subscription.receive(transactionOf(100n, [], { marked: true, bytes: 1 }));
  subscription.receive(transactionOf(200n, [change], { bytes: 1 }));
  subscription.receive(transactionOf(300n, [change], { bytes: 1 }));
  subscription.receive(transactionOf(400n, [change], { bytes: 1 }));
  target.isAway = false;
  await vi.waitFor(() => expect(subscription.state).toBe('failed'), { timeout: 5_000 });
  expect(target.progress).toBe(210n);
  expect(refused).toBe(2);
  expect(subscription.error).toMatchObject({ code: 'DATA_REJECTED' });
});

test('behind what goes one by one, what is sent ahead is what comes next', async () => {
  const target = new ScriptedTarget();
  target.progress = 0n;
  target.refuses = ({ transactions, endLsn }) => transactions.length > 1 && endLsn <= 410n;
  const subscription = await start(target);
  target.isAway = true;
  target.loseConnection();
  await vi.waitFor(() => expect(subscription.state).toBe('waiting'));
  // A batch takes four of them.
  const changes = Array.from({ length: 250 }, () => change);
  for (let i = 1n; i <= 13n; i += 1n)
    subscription.receive(transactionOf(i * 100n, changes, { bytes: 1 }));
  target.isAway = false;
  await vi.waitFor(() => expect(target.progress).toBe(1_310n), { timeout: 3_000 });
  const singly = [110, 210, 310, 410];
  expect(target.calls.filter((call) => call !== 'abandon')).toEqual(
    [...singly, 810, 1_210, 1_310].map((lsn) => `batch ${lsn}`),
  );
});

test('a target that is lost with a full queue no longer holds up its source', async () => {
  const target = new ScriptedTarget();
  const subscription = await start(target);
  target.onApply = () =>
    new Promise((_, reject) =>
      setTimeout(() => {
        target.isAway = true;
        reject(new ReplicatorError('CONNECTION_LOST', 'lost'));
      }, 20),
    );
  subscription.receive(transactionOf(200n, [change]));
  expect(subscription.full).toBe(true);
  await vi.waitFor(() => expect(subscription.state).toBe('waiting'));
  // The source is paused, so nothing that arrives will show that it is still full.
  expect(subscription.full).toBe(false);
  expect(subscription.attachment).toBe(0);
});

test('who resumes while an attempt is under way need not wait for the next one', async () => {
  const target = new ScriptedTarget();
  const subscription = await start(target);
  target.onConnect = () => {
    target.onConnect = () => {};
    subscription.resume();
    throw new ReplicatorError('PRIVILEGE', 'not granted yet');
  };
  const { attachment } = subscription;
  target.progress = 0n;
  target.loseConnection();
  // By itself it would try again after five seconds.
  await vi.waitFor(() => expect(subscription.attachment).toBeGreaterThan(attachment), 2_000);
});
