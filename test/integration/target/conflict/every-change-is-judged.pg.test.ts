// A batch writes a row once, however often its transactions changed it; each of them is judged.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commitTimeOf } from '../../../../src/model/commit-time.ts';
import { transactionOf } from '../../../support/model-values.ts';
import { newest, oldest } from '../../../support/servers-for-tests.ts';
import { ApplierFixture, insert, remove, update } from '../apply/applier-fixture.ts';

describe.each([oldest, newest])('on PostgreSQL %s', (major) => {
  let fixture: ApplierFixture;

  beforeEach(async () => {
    fixture = await ApplierFixture.create(major, {
      contestedOf: () => ({ sync: 's', log: 'keys', windowMs: 0, pauses: false }),
    });
    await fixture.onBoth('create table t (id int primary key, v text)');
    await fixture.target.query(`
      insert into replicator.installation (schema_version, database, system_identifier, database_oid)
        values (1, 'b', '1', 1)`);
  });

  afterEach(async () => await fixture.close());

  /** Each change as a transaction of its own, all in one batch. */
  async function apply(changes: [change: ReturnType<typeof insert>, time: bigint][]) {
    const transactions = changes.map(([change, commitTime], i) => {
      const { transaction, ...part } = transactionOf(0x1f00n + BigInt(i) * 0x10n, [change]);
      return { ...part, transaction: { ...transaction, xid: 3, commitTime } };
    });
    const commitTime = changes.at(-1)?.[1] ?? 0n;
    await fixture.applier.apply({ transactions, endLsn: 0x2000n, commitTime });
  }

  /** Writes the row here, and gives the moments before and after it. */
  async function writeHere(sql: string): Promise<{ before: bigint; after: bigint }> {
    const [row] = await fixture.target.query(
      `${sql} returning (extract(epoch from clock_timestamp()) * 1000)::bigint as ms`,
    );
    const time = commitTimeOf(Number(row?.['ms']));
    return { before: time - 60_000_000n, after: time + 1_000_000n };
  }

  const told = async () =>
    await fixture.target.query(
      `select conflict_type, resolution, rule, coalesce(local_row, remote_row) ->> 'v' as lost
       from replicator.conflicts order by id`,
    );

  test('an update that lost is told though a later one of its batch has won', async () => {
    const { before, after } = await writeHere(`insert into t values (1, 'here')`);
    const t = await fixture.relation('t');
    await apply([
      [update(t, '1', 'lost'), before],
      [update(t, '1', 'lost as well'), before + 1n],
      [update(t, '1', 'won'), after],
      [update(t, '1', 'stays'), after + 1n],
    ]);
    expect(await fixture.rows('t')).toEqual(['(1,stays)']);
    const kept = {
      conflict_type: 'update_origin_differs',
      resolution: 'keep_local',
      rule: 'newer',
    };
    expect(await told()).toEqual([
      { ...kept, lost: 'lost' },
      { ...kept, lost: 'lost as well' },
    ]);
  });

  test('an insert that lost is told though its source has removed the row and made it anew', async () => {
    const { before, after } = await writeHere(`insert into t values (1, 'here')`);
    const t = await fixture.relation('t');
    await apply([
      [insert(t, '1', 'lost'), before],
      [remove(t, '1', null), after],
      [insert(t, '1', 'stays'), after + 1n],
    ]);
    expect(await fixture.rows('t')).toEqual(['(1,stays)']);
    expect(await told()).toEqual([
      { conflict_type: 'insert_exists', resolution: 'keep_local', rule: 'newer', lost: 'lost' },
    ]);
  });

  test('a source whose clock is put back overwrites what its earlier change has won', async () => {
    const { before, after } = await writeHere(`insert into t values (1, 'here')`);
    const t = await fixture.relation('t');
    await apply([
      [update(t, '1', 'won'), after],
      [update(t, '1', 'stays'), before],
    ]);
    expect(await fixture.rows('t')).toEqual(['(1,stays)']);
    expect(await told()).toEqual([]);
  });
});
