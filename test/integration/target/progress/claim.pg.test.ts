// Who may write to a target: the session that claimed the progress last, with the greatest epoch.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { batchOf } from '../../../../src/model/batch.ts';
import type { Applier } from '../../../../src/target/apply/applier.ts';
import { Outranked } from '../../../../src/target/progress/claim.ts';
import { transactionOf } from '../../../support/model-values.ts';
import { majors } from '../../../support/servers-for-tests.ts';
import { ApplierFixture, insert } from '../apply/applier-fixture.ts';

const ownerOf = (epoch: bigint) => `00000000-0000-0000-0000-00000000000${epoch}`;

describe.each(majors)('PostgreSQL %i', (major) => {
  let fixture: ApplierFixture;
  const others: Applier[] = [];
  const owners = new Map([1n, 4n, 5n].map((epoch) => [epoch, ownerOf(epoch)]));

  beforeEach(async () => {
    fixture = await ApplierFixture.create(major);
    await fixture.onBoth('create table t (id int primary key)');
  });

  afterEach(async () => {
    for (const applier of others.splice(0)) await applier.close();
    await fixture.close();
  });

  async function connect(epoch: bigint): Promise<Applier> {
    const lineage = { owners, timeline: 1n, leftAt: async () => undefined };
    const applier = await fixture.open({ epoch, lineage });
    others.push(applier);
    return applier;
  }

  test.each([0n, 1n])('the session before is ended, by one of epoch %d', async (epoch) => {
    const before = fixture.applier;
    const after = await connect(epoch);
    await expect.poll(() => before.lost.aborted).toBe(true);
    const row = insert(await fixture.relation('t'), '1');
    await after.apply(batchOf([transactionOf(0x1ff0n, [row])]));
    expect(await fixture.rows('t')).toEqual(['(1)']);
  });

  test('an owner of the same epoch that the source does not know is told as well', async () => {
    await connect(5n);
    await fixture.target.query('update replicator.progress set owner = $1', [ownerOf(9n)]);
    await expect(connect(5n)).rejects.toThrow(Outranked);
    owners.set(6n, ownerOf(6n));
    await expect(connect(6n)).rejects.toThrow(Outranked);
    owners.delete(6n);
  });

  test('what it has open is undone before the next one begins', async () => {
    const changes = [insert(await fixture.relation('t'), '1')];
    const transaction = { xid: 1, commitLsn: 0x1100n, commitTime: 0n, origin: undefined };
    const part = { transaction, changes, first: true, endLsn: undefined, bytes: 1, marked: false };
    await fixture.applier.applyPart(part as never, 'none');
    const after = await connect(1n);
    expect(after.progress).toBe(0x1000n);
    expect(await fixture.rows('t')).toEqual([]);
  });

  test('a smaller epoch is told which one was here', async () => {
    await connect(5n);
    const late = connect(4n);
    await expect(late).rejects.toThrow(Outranked);
    await expect(late).rejects.toMatchObject({ code: 'FENCED', epoch: 5n });
  });

  test.each([
    ['a batch', async () => fixture.apply([insert(await fixture.relation('t'), '1')])],
    ['a position', () => fixture.applier.pass(0x5000n, undefined)],
  ])('a session that could not be ended cannot write %s', async (_, write) => {
    await fixture.target.query('update replicator.progress set epoch = 1');
    await expect(write()).rejects.toMatchObject({ code: 'FENCED' });
    expect(await fixture.rows('t')).toEqual([]);
  });
});
