// A change that a target refuses for good stops its subscription, also in the midst of many transactions: all
// that lies before it is applied, and a person is told.
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tableLabel } from '../../../src/model/relation.ts';
import { Subscription } from '../../../src/subscription/subscription.ts';
import { eventually } from '../../support/eventually.ts';
import { transactionOf } from '../../support/model-values.ts';
import { newest } from '../../support/servers-for-tests.ts';
import { ApplierFixture, insert } from '../target/apply/applier-fixture.ts';

let fixture: ApplierFixture;
let running: Promise<void> | undefined;
const stop = new AbortController();

beforeEach(async () => {
  fixture = await ApplierFixture.create(newest);
  await fixture.onBoth('create table t (id int primary key, email text unique)');
});

afterEach(async () => {
  stop.abort();
  await running;
  await fixture.close();
});

test('a value that was taken by hand, with further transactions behind it', async () => {
  await fixture.target.query(`insert into t values (0, 'of 20')`);
  const t = await fixture.relation('t');
  await fixture.applier.close();
  const subscription = new Subscription({
    name: 'a:b',
    target: 'b',
    limits: { changes: 1_000, bytes: 1_000_000 },
    queueBytes: 1_000_000,
    standbys: undefined,
    paceMs: 0,
    connect: async () => await fixture.open(),
    join: async () => new Map([[tableLabel(t), { copiedAt: 0n, truncate: 'replicate' }]]),
    onAttach: () => {
      for (let id = 1; id <= 40; id += 1)
        subscription.receive(
          transactionOf(0x2000n + BigInt(id) * 0x10n, [insert(t, `${id}`, `of ${id}`)]),
        );
    },
    onProgress: () => {},
    onState: () => {},
    log: pino({ enabled: false }),
  });
  running = subscription.run(stop.signal, new AbortController().signal);
  await eventually(() => subscription.state === 'failed');
  expect(subscription.error).toMatchObject({ code: 'UNIQUE_VIOLATION' });
  expect(await fixture.rows('t')).toHaveLength(20);
  await fixture.target.query('delete from t where id = 0');
  subscription.resume();
  await eventually(() => subscription.state === 'streaming' && subscription.idle);
  expect(await fixture.rows('t')).toHaveLength(40);
});
