// Who waits for another source's batch waits for one of us, not for a user.
import { expect, test } from 'vitest';
import { holdLock, untilWaitingForLock } from '../../../support/hold-lock.ts';
import { newest } from '../../../support/servers-for-tests.ts';
import { ApplierFixture, insert } from '../apply/applier-fixture.ts';

test('a batch waits for another one for longer than for a lock of a user', async () => {
  const fixture = await ApplierFixture.create(newest, {
    contestedOf: () => ({ sync: 's', log: 'keys', windowMs: 0, pauses: false }),
  });
  await fixture.onBoth('create table t (id int primary key)');
  const other = await holdLock(fixture.target, 'select replicator.contend()');
  const applied = fixture.apply([insert(await fixture.relation('t'), '1')]);
  await untilWaitingForLock(fixture.target);
  // the fixture's lock_timeout is a second
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await other.release();
  await applied;
  expect(await fixture.rows('t')).toEqual(['(1)']);
  await fixture.close();
});
