// The next batch is folded and encoded while the one before is on its way; what becomes of it must not
// depend on that.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Batch } from '../../../../src/model/batch.ts';
import type { RowChange } from '../../../../src/model/change.ts';
import type { Relation } from '../../../../src/model/relation.ts';
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

function batchOf(lsn: bigint, ...changes: RowChange[]): Batch {
  const part = transactionOf(lsn, changes);
  return { transactions: [part], endLsn: lsn + 10n, commitTime: part.transaction.commitTime };
}

test('it is applied as if it had been prepared when its turn came', async () => {
  const [first, second] = [
    batchOf(0x2000n, insert(t, '1', 'a')),
    batchOf(0x3000n, update(t, '1', 'b'), insert(t, '2', 'b')),
  ];
  await fixture.applier.apply(first);
  await fixture.applier.apply(second, () => batchOf(0x4000n, remove(t, '1', null)));
  expect(await fixture.rows('t')).toEqual(['(1,b)', '(2,b)']);
  const third = batchOf(0x4000n, update(t, '1', 'c'));
  const fourth = batchOf(0x5000n, update(t, '1', 'd'));
  // not the one that was prepared
  await fixture.applier.apply(third, () => fourth);
  expect(await fixture.rows('t')).toEqual(['(1,c)', '(2,b)']);
  await fixture.applier.apply(fourth);
  expect(await fixture.rows('t')).toEqual(['(1,d)', '(2,b)']);
});

test('what is wrong with it is said when its turn has come', async () => {
  const keyless = { ...t, columns: t.columns.map((column) => ({ ...column, identity: false })) };
  const known = batchOf(0x2000n, insert(keyless, '1', 'a'));
  const refused = batchOf(0x3000n, update(keyless, '1', 'b'));
  await fixture.applier.apply(known, () => refused);
  expect(await fixture.rows('t')).toEqual(['(1,a)']);
  const error = { code: 'REPLICA_IDENTITY' };
  await expect(fixture.applier.apply(refused)).rejects.toMatchObject(error);
});
