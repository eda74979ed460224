// Values of unique keys beside the primary key: two databases give one to two rows.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { batchOf } from '../../../../src/model/batch.ts';
import { commitTimeOf, formatCommitTime } from '../../../../src/model/commit-time.ts';
import { unchanged } from '../../../../src/model/tuple.ts';
import type { Applier } from '../../../../src/target/apply/applier.ts';
import { eventually } from '../../../support/eventually.ts';
import { holdLock, untilWaitingForLock } from '../../../support/hold-lock.ts';
import { transactionOf } from '../../../support/model-values.ts';
import { newest, oldest } from '../../../support/servers-for-tests.ts';
import { ApplierFixture, insert, remove, update } from '../apply/applier-fixture.ts';

type Change = ReturnType<typeof insert>;

const contested = { sync: 's', log: 'full', windowMs: 0, pauses: false } as const;

describe.each([oldest, newest])('on PostgreSQL %s', (major) => {
  let fixture: ApplierFixture;
  let own: Applier;

  beforeEach(async () => {
    fixture = await ApplierFixture.create(major, { contestedOf: () => contested });
    await fixture.onBoth(`create table t (id int primary key, v text unique, note text);
      create unique index on t (note, v)`);
    own = await fixture.openOwn();
  });

  afterEach(async () => await fixture.close());

  let lsn = 0x2000n;

  /** Transactions of `applier`'s source in one batch, each with its commit time. */
  async function apply(applier: Applier, ...batch: [time: bigint, ...changes: Change[]][]) {
    lsn += 0x1000n;
    const transactions = batch.map(([commitTime, ...changes], i) => {
      const { transaction, ...part } = transactionOf(lsn - 0x500n + BigInt(i) * 0x10n, changes);
      return { ...part, transaction: { ...transaction, xid: 3, commitTime } };
    });
    await applier.apply(batchOf(transactions));
  }

  const now = async () => {
    const [row] = await fixture.target.query(
      'select (extract(epoch from clock_timestamp()) * 1000)::bigint as ms',
    );
    return commitTimeOf(Number(row?.['ms']));
  };
  const second = 1_000_000n;
  const told = async () =>
    await fixture.target.query(
      `select conflict_type as kind, resolution as stays, rule, local_database as local,
              local_row ->> 'id' as here, remote_row ->> 'id' as there
       from replicator.conflicts order by id`,
    );
  const tombstones = async () =>
    await fixture.target.query(
      'select commit_time::text as at, rank from replicator.tombstones order by commit_time',
    );

  test('a newer row takes the value from an older one, which leaves a tombstone of its own', async () => {
    const t = await fixture.relation('t');
    const time = await now();
    await apply(fixture.applier, [time - 9n * second, insert(t, '1', 'x', null)]);
    await fixture.target.query(`insert into t values (2, 'y', null)`);
    await apply(fixture.applier, [time + second, insert(t, '3', 'y', 'n')]);
    expect(await fixture.rows('t')).toEqual(['(1,x,)', '(3,y,n)']);
    expect(await told()).toEqual([
      {
        kind: 'insert_exists',
        stays: 'apply_remote',
        rule: 'claim',
        local: 'b',
        here: '2',
        there: '3',
      },
    ]);
    expect(await tombstones()).toMatchObject([{ rank: '2' }]);
  });

  test('changes keep their order where a table loses its unique keys in between', async () => {
    const t = await fixture.relation('t');
    const time = await now();
    await apply(fixture.applier, [time - 9n * second, insert(t, '1', 'x', 'first')]);
    await fixture.onBoth('alter table t drop constraint t_v_key; drop index t_note_v_idx');
    await fixture.target.query(`insert into t values (2, 'y', null)`);
    const deliver = () =>
      apply(
        fixture.applier,
        [time - 3n * second, insert(t, '3', 'y', null)],
        [time - 2n * second, update(t, '1', 'x', 'second')],
        [time - second, update({ ...t }, '1', 'x', 'last')],
      );
    await expect(deliver()).rejects.toMatchObject({ code: 'BATCH_REFUSED' });
    await fixture.applier.close();
    await eventually(() => fixture.connect());
    await deliver();
    expect(await fixture.rows('t')).toEqual(['(1,x,last)', '(2,y,)', '(3,y,)']);
  });

  test('an older row does not take it, and is not there', async () => {
    const t = await fixture.relation('t');
    const time = await now();
    await fixture.target.query(`insert into t values (2, 'y', null), (4, 'z', null)`);
    await apply(
      fixture.applier,
      [time - second, insert(t, '3', 'y', 'n')],
      [time - second + 1n, insert(t, '5', 'free', 'n')],
    );
    expect(await fixture.rows('t')).toEqual(['(2,y,)', '(4,z,)', '(5,free,n)']);
    expect(await told()).toEqual([
      {
        kind: 'insert_exists',
        stays: 'keep_local',
        rule: 'claim',
        local: 'b',
        here: '2',
        there: '3',
      },
    ]);
    const [tombstone] = await fixture.target.query(
      `select from replicator.tombstones where commit_time = '${formatCommitTime(time - second)}'`,
    );
    expect(tombstone).toBeDefined();
  });

  test('a value stays claimed by the row that gave it up', async () => {
    const t = await fixture.relation('t');
    const time = await now();
    await fixture.target.query(`insert into t values (1, 'x', null)`);
    const ours = await fixture.ownRelation('t');
    await apply(own, [time, insert(ours, '1', 'x', null)]);
    await fixture.target.query(`update t set v = 'other'`);
    await apply(fixture.applier, [time - second, insert(t, '2', 'x', null)]);
    expect(await fixture.rows('t')).toEqual(['(1,other,)']);
    expect(await told()).toMatchObject([
      { kind: 'insert_exists', stays: 'keep_local', local: 'b' },
    ]);
  });

  test('a claim that the own stream brings late evicts who came meanwhile', async () => {
    const t = await fixture.relation('t');
    const time = await now();
    await apply(fixture.applier, [time - second, insert(t, '2', 'x', null)]);
    // written and removed here before that came, and read only now
    const ours = await fixture.ownRelation('t');
    const gone = remove(ours, '1', null, null);
    await apply(own, [time, insert(ours, '1', 'x', null)], [time + 1n, gone]);
    expect(await fixture.rows('t')).toEqual([]);
    expect(await told()).toMatchObject([
      { kind: 'insert_exists', stays: 'apply_remote', here: '2' },
    ]);
  });

  test('own rows that nobody contests are claimed in sets', async () => {
    const t = await fixture.ownRelation('t');
    const time = await now();
    await fixture.target.query(
      `insert into t select i, i::text, 'n' from generate_series(1, 2500) i`,
    );
    const rows = Array.from({ length: 2_500 }, (_, i) => insert(t, `${i + 1}`, `${i + 1}`, 'n'));
    await apply(own, [time, ...rows]);
    const [row] = await fixture.target.query('select count(*) as n from replicator.claims');
    expect(row).toEqual({ n: '5000' });
    expect(await told()).toEqual([]);
  });

  test('values that one transaction swaps, and that change hands inside a batch, are no conflict', async () => {
    const t = await fixture.relation('t');
    const time = await now();
    await apply(fixture.applier, [
      time - 9n * second,
      insert(t, '1', 'x', 'large'),
      insert(t, '2', 'y', null),
      insert(t, '3', 'z', null),
    ]);
    await fixture.source.query(`insert into t values (1, 'y', 'large'), (2, 'x', null)`);
    await apply(
      fixture.applier,
      [
        time - 8n * second,
        update(t, '1', 'passing', unchanged),
        update(t, '2', 'x', null),
        update(t, '1', 'y', unchanged),
      ],
      [time - 7n * second, remove(t, '3', null, null)],
      [time - 6n * second, insert(t, '4', 'z', null)],
    );
    expect(await fixture.rows('t')).toEqual(['(1,y,large)', '(2,x,)', '(4,z,)']);
    expect(await told()).toEqual([]);
    const passing = `select from replicator.claims
      where value_hash = hashtextextended('passing', hashtextextended('2', 0))`;
    expect(await fixture.target.query(passing)).toEqual([]);
    const [claims] = await fixture.target.query('select count(*) as n from replicator.claims');
    expect(claims).toEqual({ n: '5' });
  });

  test('a row that a user inserts while another of its key is refused stays', async () => {
    const t = await fixture.relation('t');
    const time = await now();
    await fixture.target.query(`insert into t values (2, 'y', null);
      insert into replicator.tombstones
        values ('t'::regclass, hashint4extended(3, 0), now() - interval '1 hour', 1)`);
    // held, so that what is decided is carried out only behind the user's commit
    const user = await holdLock(
      fixture.target,
      `select from replicator.tombstones for update; insert into t values (3, 'free', null)`,
    );
    const applied = apply(fixture.applier, [time - second, insert(t, '3', 'y', 'n')]);
    await untilWaitingForLock(fixture.target);
    await user.commit();
    await applied;
    expect(await fixture.rows('t')).toEqual(['(2,y,)', '(3,free,)']);
  });

  test.runIf(major >= 15)('NULL as a value like others', async () => {
    await fixture.onBoth('alter table t drop constraint t_v_key; drop index t_note_v_idx');
    await fixture.onBoth('create unique index on t (v) nulls not distinct');
    const t = await fixture.relation('t');
    const time = await now();
    await fixture.target.query('insert into t values (1, null, null)');
    await apply(fixture.applier, [time + second, insert(t, '2', null, 'n')]);
    expect(await fixture.rows('t')).toEqual(['(2,,n)']);
    await apply(fixture.applier, [time - second, insert(t, '3', null, 'n')]);
    expect(await fixture.rows('t')).toEqual(['(2,,n)']);
  });
});
