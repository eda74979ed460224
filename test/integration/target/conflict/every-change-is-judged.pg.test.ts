// A batch writes a row once, however often its transactions changed it; each of them is judged.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { batchOf } from '../../../../src/model/batch.ts';
import { commitTimeOf } from '../../../../src/model/commit-time.ts';
import { unchanged } from '../../../../src/model/tuple.ts';
import { Session } from '../../../../src/postgres/session.ts';
import { transactionOf } from '../../../support/model-values.ts';
import { newest, oldest } from '../../../support/servers-for-tests.ts';
import { ApplierFixture, insert, remove, update } from '../apply/applier-fixture.ts';

type Change = ReturnType<typeof insert>;

const contested = { sync: 's', log: 'keys' as const, windowMs: 0, pauses: false };

describe.each([oldest, newest])('on PostgreSQL %s', (major) => {
  let fixture: ApplierFixture;

  beforeEach(async () => {
    contested.windowMs = 0;
    fixture = await ApplierFixture.create(major, {
      contestedOf: () => contested,
    });
    await fixture.onBoth('create table t (id int primary key, v text)');
    await fixture.target.query(`
      insert into replicator.installation (schema_version, database, system_identifier, database_oid)
        values (1, 'b', '1', 1)`);
  });

  afterEach(async () => await fixture.close());

  let lsn = 0x2000n;

  /** Each change as a transaction of its own, all in one batch. */
  async function apply(changes: [change: Change, time: bigint][]) {
    const transactions = changes.map(([change, commitTime], i) => {
      const { transaction, ...part } = transactionOf(lsn + BigInt(i) * 0x10n, [change]);
      return { ...part, transaction: { ...transaction, xid: 3, commitTime } };
    });
    lsn += 0x1000n;
    await fixture.applier.apply(batchOf(transactions));
  }

  /** Writes the row here, and gives the moments before and after it. */
  async function writeHere(sql: string): Promise<{ before: bigint; after: bigint }> {
    const [row] = await fixture.target.query(
      `${sql} returning (extract(epoch from clock_timestamp()) * 1000)::bigint as ms`,
    );
    const time = commitTimeOf(Number(row?.['ms']));
    return { before: time - 60_000_000n, after: time + 1_000_000n };
  }

  /** When the row was written at its source. */
  async function versionOf(id: number): Promise<bigint> {
    const [row] = await fixture.target.query(
      `select ((extract(epoch from v.commit_time) - 946684800) * 1000000)::bigint as at from t,
         replicator.version_of(t.xmin, 't'::regclass, hashint4extended(t.id, 0)) v where id = ${id}`,
    );
    return BigInt(row?.['at'] ?? 0);
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

  // What m deletes, another inserts, and m updates again is in two steps of a batch.
  test('a row that several steps of a batch write has the time of its last change', async () => {
    const t = await fixture.relation('t');
    const { before } = await writeHere(`insert into t values (2, 'here')`);
    await apply([
      [remove(t, '2', null), before],
      [update(t, '1', 'first'), before + 1n],
      [update(t, '2', 'again'), before + 2n],
      [update(t, '1', 'last'), before + 3n],
    ]);
    expect(await versionOf(1)).toBe(before + 3n);
  });

  // What is deleted is settled in steps, so that all that the stamp hides is written by itself.
  test('a row that is written before and after its table was altered has the time of its last change', async () => {
    const t = await fixture.relation('t');
    const altered = { ...t };
    const { before } = await writeHere(`insert into t values (2, 'here')`);
    await apply([
      [remove(t, '2', null), before],
      [insert(t, '1', 'first'), before + 1n],
      [update(altered, '1', 'last'), before + 2n],
    ]);
    expect(await fixture.rows('t')).toEqual(['(1,last)', '(2,here)']);
    expect(await versionOf(1)).toBe(before + 2n);
  });

  test('a row of which not all was sent is of one version, whatever its source has by now', async () => {
    const { before } = await writeHere(`insert into t values (2, 'here')`);
    await fixture.onBoth('alter table t add large text');
    await fixture.source.query(`insert into t values (1, 'later', 'of the later')`);
    const t = await fixture.relation('t');
    await apply([
      [insert(t, '1', 'first', 'of the first'), before],
      [update(t, '1', 'titled', unchanged), before + 1n],
    ]);
    expect(await fixture.rows('t')).toEqual(['(1,later,"of the later")', '(2,here,)']);
    await fixture.source.query(`insert into t values (2, 'later', 'of the later')`);
    await apply([[update(t, '2', 'lost', unchanged), before + 2n]]);
    expect(await told()).toMatchObject([{ resolution: 'keep_local', lost: 'lost' }]);
  });

  test('an update that lost is told with its row though that is gone at the source', async () => {
    const { before } = await writeHere(`insert into t values (2, 'here')`);
    await fixture.onBoth('alter table t add large text');
    await fixture.target.query(`
      insert into replicator.tombstones (relation, key_hash, commit_time, rank)
        values ('t'::regclass, hashint4extended(3, 0), now(), 2)`);
    const t = await fixture.relation('t');
    await apply([
      [update(t, '2', 'lost', unchanged), before],
      [update(t, '3', 'lost as well', unchanged), before],
      [update(t, '4', 'deleted later', unchanged), before],
    ]);
    expect(await fixture.rows('t')).toEqual(['(2,here,)']);
    const kept = { resolution: 'keep_local' };
    expect(await told()).toEqual([
      { ...kept, conflict_type: 'update_origin_differs', rule: 'newer', lost: 'lost' },
      { ...kept, conflict_type: 'update_deleted', rule: 'tombstone', lost: 'lost as well' },
    ]);
  });

  test('rows that the sets leave are judged together, each by its own version', async () => {
    contested.windowMs = 30_000;
    const rows = (v: string, ...ids: number[]) => ids.map((id) => `(${id}, '${v}')`).join();
    const { before, after } = await writeHere(`insert into t values ${rows('here', 1, 2, 3, 4)}`);
    await fixture.target.query(`
      insert into replicator.tombstones (relation, key_hash, commit_time, rank)
        values ('t'::regclass, hashint4extended(5, 0), now(), 2)`);
    const t = await fixture.relation('t');
    await apply([
      [update(t, '1', 'lost'), before],
      [update(t, '2', 'won'), after],
      [remove(t, '3', null), before],
      [remove(t, '4', null), after],
      [update(t, '5', 'lost to a delete'), before],
      [update(t, '6', 'missing'), after],
      [remove(t, '7', null), after],
    ]);
    expect((await fixture.rows('t')).sort()).toEqual([
      '(1,here)',
      '(2,won)',
      '(3,here)',
      '(6,missing)',
    ]);
    expect((await told()).map((each) => `${each['conflict_type']} ${each['resolution']}`)).toEqual([
      'delete_origin_differs keep_local',
      'delete_origin_differs apply_remote',
      'update_origin_differs keep_local',
      'update_origin_differs apply_remote',
      'update_deleted keep_local',
    ]);
  });

  test('it takes as many round trips to judge one that the sets leave as to judge many', async () => {
    contested.windowMs = 30_000;
    const { before } = await writeHere(
      `insert into t select i, 'here' from generate_series(1, 20) i`,
    );
    const t = await fixture.relation('t');
    const groups = vi.spyOn(Session.prototype, 'group');
    const roundTrips = async (ids: readonly number[]) => {
      const calls = groups.mock.calls.length;
      await apply(ids.map((id) => [update(t, String(id), 'lost'), before]));
      return groups.mock.calls.length - calls;
    };
    const one = await roundTrips([1]);
    expect(await roundTrips(Array.from({ length: 20 }, (_, i) => i + 1))).toBe(one);
    groups.mockRestore();
  });

  test.each([
    { id: 1, windowMs: 0, madeAnew: true },
    { id: 1, windowMs: 30_000, madeAnew: true },
    { id: 1, windowMs: 30_000, madeAnew: false },
    { id: 2, windowMs: 30_000, madeAnew: true },
  ])('a row that was removed twice is gone: %o', async ({ id, windowMs, madeAnew }) => {
    const sql = `insert into t values (${id}, 'here')`;
    const { after } = await writeHere(sql);
    const t = await fixture.relation('t');
    contested.windowMs = windowMs;
    await apply([
      [remove(t, '1', null), after + 1n],
      ...(madeAnew ? [[insert(t, '1', 'again'), after + 2n] as [Change, bigint]] : []),
      [remove(t, '1', null), after + 3n],
    ]);
    expect((await fixture.rows('t')).filter((row) => row.startsWith('(1,'))).toEqual([]);
    expect((await told()).filter(({ resolution }) => resolution === 'keep_local')).toEqual([]);
  });
});
