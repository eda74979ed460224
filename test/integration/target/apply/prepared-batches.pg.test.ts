// The next batch is folded, encoded and sent while the one before is on its way; what becomes of it must
// not depend on that.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Batch, batchOf } from '../../../../src/model/batch.ts';
import type { RowChange } from '../../../../src/model/change.ts';
import type { Relation } from '../../../../src/model/relation.ts';
import { eventually } from '../../../support/eventually.ts';
import { holdLock, untilWaitingForLock } from '../../../support/hold-lock.ts';
import { transactionOf } from '../../../support/model-values.ts';
import { newest } from '../../../support/servers-for-tests.ts';
import { ApplierFixture, insert, remove, update } from './applier-fixture.ts';

let fixture: ApplierFixture;
let t: Relation;

beforeEach(async () => {
  fixture = await ApplierFixture.create(newest);
  await fixture.onBoth('create table t (id int primary key, v text)');
  t = await fixture.relation('t');
});

afterEach(async () => await fixture.close());

function batchAt(lsn: bigint, ...changes: RowChange[]): Batch {
  return batchOf([transactionOf(lsn, changes)]);
}

test('it is applied as if it had been sent when its turn came', async () => {
  const [first, second, third] = [
    batchAt(0x2000n, insert(t, '1', 'a')),
    batchAt(0x3000n, update(t, '1', 'b'), insert(t, '2', 'b')),
    batchAt(0x4000n, update(t, '1', 'c'), remove(t, '2', null)),
  ];
  await fixture.applier.apply(first);
  await fixture.applier.apply(second, () => third);
  expect(fixture.applier.progress).toBe(second.endLsn);
  await fixture.applier.apply(third);
  expect(await fixture.rows('t')).toEqual(['(1,c)']);
  expect(fixture.applier.progress).toBe(third.endLsn);
});

test('one that is sent is on the target before its turn has come', async () => {
  const [first, second, third] = [1n, 2n, 3n].map((n) =>
    batchAt(0x2000n * n, insert(t, String(n), 'a')),
  ) as [Batch, Batch, Batch];
  await fixture.applier.apply(first);
  await fixture.applier.apply(second, () => third);
  await eventually(async () => (await fixture.rows('t')).length === 3);
  await fixture.applier.settle();
  expect(fixture.applier.progress).toBe(third.endLsn);
});

test('what is wrong with it is said when its turn has come', async () => {
  const keyless = { ...t, columns: t.columns.map((column) => ({ ...column, identity: false })) };
  const known = batchAt(0x2000n, insert(keyless, '1', 'a'));
  const refused = batchAt(0x3000n, update(keyless, '1', 'b'));
  await fixture.applier.apply(known, () => refused);
  expect(await fixture.rows('t')).toEqual(['(1,a)']);
  const error = { code: 'REPLICA_IDENTITY' };
  await expect(fixture.applier.apply(refused)).rejects.toMatchObject(error);
});

describe('sent behind one that', () => {
  const behind = () => batchAt(0x4000n, insert(t, '9', 'behind'));

  test('needs care, it is done again, behind it', async () => {
    await fixture.apply([insert(t, '1', 'a')]);
    // a row that is missing, and one that follows from it
    const careful = batchAt(0x3000n, update(t, '5', 'b'), insert(t, '6', 'b'));
    const next = batchAt(0x4000n, update(t, '5', 'c'));
    await fixture.applier.apply(careful, () => next);
    await fixture.applier.apply(next);
    expect(await fixture.rows('t')).toEqual(['(1,a)', '(5,c)', '(6,b)']);
  });

  test('is refused, it is not applied either', async () => {
    await fixture.apply([insert(t, '1', 'a')]);
    const refused = batchAt(0x3000n, insert(t, 'x', 'b'));
    await expect(fixture.applier.apply(refused, behind)).rejects.toMatchObject({ retry: 'timed' });
    await fixture.applier.settle();
    expect(fixture.applier.progress).toBe(0x1100n);
    expect(await fixture.rows('t')).toEqual(['(1,a)']);
  });

  test('is refused at its COMMIT, it is not applied either', async () => {
    await fixture.target.query(`
      create function refuse() returns trigger language plpgsql as
        $$ begin if new.v = 'b' then raise exception 'no'; end if; return null; end $$;
      create constraint trigger refuse after insert on t deferrable initially deferred
        for each row execute function refuse();
      alter table t enable always trigger refuse`);
    await fixture.apply([insert(t, '1', 'a')]);
    const refused = batchAt(0x3000n, insert(t, '2', 'b'));
    await expect(fixture.applier.apply(refused, behind)).rejects.toMatchObject({
      code: 'BATCH_REFUSED',
    });
    await fixture.applier.settle();
    expect(fixture.applier.progress).toBe(0x1100n);
    expect(await fixture.rows('t')).toEqual(['(1,a)']);
  });

  test('met conflicts, these are counted although it failed itself', async () => {
    await fixture.target.query(`insert into t values (7, 'was there')`);
    await fixture.apply([insert(t, '1', 'a')]);
    const failing = batchAt(0x4000n, update(t, '5', 'b'));
    await fixture.applier.apply(batchAt(0x3000n, insert(t, '7', 'b')), () => failing);
    await fixture.applier.apply(failing);
    expect(await fixture.rows('t')).toEqual(['(1,a)', '(5,b)', '(7,b)']);
    const counted = await fixture.target.query(
      'select conflict_type as type, count::text from replicator.conflict_counts order by 1',
    );
    expect(counted).toEqual([
      { type: 'insert_exists', count: '1' },
      { type: 'update_missing', count: '1' },
    ]);
  });

  test('lost its connection, it is not applied either', async () => {
    await fixture.apply([insert(t, '1', 'a')]);
    const lock = await holdLock(fixture.target, 'lock table t');
    const first = fixture.applier.apply(batchAt(0x3000n, insert(t, '2', 'b')), behind);
    const lost = expect(first).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await untilWaitingForLock(fixture.target);
    await fixture.target.query(`select pg_terminate_backend(${fixture.applier.session.pid})`);
    await lost;
    await lock.release();
    await fixture.connect();
    expect(fixture.applier.progress).toBe(0x1100n);
    expect(await fixture.rows('t')).toEqual(['(1,a)']);
  });
});
