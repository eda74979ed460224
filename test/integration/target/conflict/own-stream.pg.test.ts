// A database reads its own stream late, and settles what its changes met without knowing.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { batchOf } from '../../../../src/model/batch.ts';
import { commitTimeOf } from '../../../../src/model/commit-time.ts';
import type { Applier } from '../../../../src/target/apply/applier.ts';
import { transactionOf } from '../../../support/model-values.ts';
import { newest, oldest } from '../../../support/servers-for-tests.ts';
import { ApplierFixture, insert, remove } from '../apply/applier-fixture.ts';

describe.each([oldest, newest])('on PostgreSQL %s', (major) => {
  let fixture: ApplierFixture;
  let own: Applier;
  let otherKeys: string[];

  beforeEach(async () => {
    fixture = await ApplierFixture.create(major);
    await fixture.onBoth('create table t (id int primary key, "V w" text, n numeric)');
    otherKeys = [];
    own = await fixture.openOwn({
      onOtherKey: (table) => otherKeys.push(table),
      contestedOf: ({ name }) =>
        name === 'single' ? undefined : { sync: 's', log: 'keys', windowMs: 0, pauses: false },
    });
  });

  afterEach(async () => await fixture.close());

  const at = (time: string) => commitTimeOf(Date.parse(time));
  const told = async () =>
    await fixture.target.query(
      `select source, sync, table_name, key::text as key, conflict_type, resolution, rule,
              local_database, local_row::text as there, remote_row::text as here
       from replicator.conflicts`,
    );
  const counted = async () =>
    await fixture.target.query(
      'select conflict_type, resolution, count from replicator.conflict_counts',
    );

  async function apply(
    change: ReturnType<typeof insert>,
    time: string,
    commitLsn = 0x1ff0n,
  ): Promise<void> {
    const { transaction, ...part } = transactionOf(commitLsn, [change]);
    const commitTime = at(time);
    await own.apply(batchOf([{ ...part, transaction: { ...transaction, xid: 3, commitTime } }]));
  }

  test('a write that a delete from elsewhere has beaten goes, and is told', async () => {
    await fixture.target.query(`insert into t values (1, 'b', 1.50), (2, 'stays', null);
      insert into replicator.tombstones
      values ('t'::regclass, hashint4extended(1, 0), now() + interval '1 s', 1)`);
    await apply(insert(await fixture.ownRelation('t'), '1', 'b', '1.50'), '2026-01-01T00:00:00Z');
    expect(await fixture.rows('t')).toEqual(['(2,stays,)']);
    expect(await told()).toEqual([
      {
        source: 'b',
        sync: 's',
        table_name: 't',
        key: '{"id": "1"}',
        conflict_type: 'update_deleted',
        resolution: 'keep_local',
        rule: 'tombstone',
        local_database: 'a',
        there: null,
        here: '{"n": "1.50", "id": "1", "V w": "b"}',
      },
    ]);
    expect(await counted()).toEqual([
      { conflict_type: 'update_deleted', resolution: 'keep_local', count: '1' },
    ]);
  });

  test('a row that came before the delete was known goes, and is told', async () => {
    await fixture.apply([insert(await fixture.relation('t'), '1', 'a', null)], {
      commitTime: at('2026-01-01T00:00:00Z'),
    });
    await apply(remove(await fixture.ownRelation('t'), '1', null, null), '2026-01-02T00:00:00Z');
    expect(await fixture.rows('t')).toEqual([]);
    const [row] = await told();
    expect(row).toMatchObject({
      conflict_type: 'delete_origin_differs',
      resolution: 'apply_remote',
      // who wrote it is not kept by 13 outside of a group
      local_database: major === oldest ? expect.anything() : 'a',
      there: '{"n": null, "id": "1", "V w": "a"}',
      here: null,
    });
    const tombstones = await fixture.target.query('select rank from replicator.tombstones');
    expect(tombstones).toEqual([{ rank: '2' }]);
  });

  test('of a row that goes no more is told than anybody reads', async () => {
    const large = 'x'.repeat(1_000_000);
    await fixture.apply([insert(await fixture.relation('t'), '1', large, '1.50')], {
      commitTime: at('2026-01-01T00:00:00Z'),
    });
    await apply(remove(await fixture.ownRelation('t'), '1', null, null), '2026-01-02T00:00:00Z');
    expect(await fixture.rows('t')).toEqual([]);
    expect((await told())[0]).toMatchObject({
      key: '{"id": "1"}',
      there: '{"n": "1.50", "id": "1"}',
    });
  });

  test('a unique index that is new is noticed by a change that tells nothing else', async () => {
    const t = await fixture.ownRelation('t');
    await apply(insert(t, '1', 'b', '1'), '2026-01-01T00:00:00Z', 0x1500n);
    await fixture.target.query('create unique index on t ("V w")');
    const second = apply(insert(t, '2', 'c', '1'), '2026-01-02T00:00:00Z');
    await expect(second).rejects.toMatchObject({ code: 'BATCH_REFUSED' });
  });

  test('what stands stays, and nothing is told', async () => {
    await fixture.target.query(`insert into t values (1, 'b', 1);
      insert into replicator.tombstones
      values ('t'::regclass, hashint4extended(1, 0), '2026-01-01', 1)`);
    await apply(insert(await fixture.ownRelation('t'), '1', 'b', '1'), '2026-01-02T00:00:00Z');
    expect(await fixture.rows('t')).toEqual(['(1,b,1)']);
    expect(await told()).toEqual([]);
    expect(await counted()).toEqual([]);
  });

  test.each([
    { joined: 't', tombstones: 1 },
    { joined: 'single', tombstones: 0 },
  ])('of a table that joined as $joined it remembers $tombstones deletes', async (expected) => {
    await fixture.target.query(
      `insert into replicator.tables
         (source, table_schema, table_name, sync, copied_at, copied, target_oid)
       values ('a', 'public', '${expected.joined}', 's', '0/1', false, 't'::regclass);
       alter table t rename to single`,
    );
    await apply(
      remove(await fixture.ownRelation('single'), '1', null, null),
      '2026-01-01T00:00:00Z',
    );
    const tombstones = await fixture.target.query('select from replicator.tombstones');
    expect(tombstones.length).toBe(expected.tombstones);
  });

  describe('behind what was done to its table', () => {
    const later = '2026-01-01T00:00:00Z';
    const remembered = async () =>
      (await fixture.target.query('select key_hash from replicator.tombstones')).length;

    beforeEach(async () => {
      await fixture.target.query(`create type mood as enum ('fine');
        alter table t add u text unique, add m mood;
        insert into t values (1, 'a', 1, 'u', 'fine')`);
    });

    test.each([
      ['a column was dropped', 'alter table t drop n'],
      ['a unique column was dropped', 'alter table t drop u'],
      ['a column has another type', 'alter table t alter n type text'],
      ['a type was dropped', 'drop type mood cascade'],
      ['a unique column has another type', 'alter table t alter u type int using 1'],
      ['a column has another name', 'alter table t rename n to m2'],
      ['the table has another name', 'alter table t rename to t2'],
      ['the key takes more', 'alter table t alter id type bigint'],
    ])('it remembers a delete where %s', async (_, ddl) => {
      const t = await fixture.ownRelation('t');
      await fixture.target.query(ddl);
      await apply(insert(t, '2', 'b', '1', 'v', 'fine'), later, 0x1500n);
      await apply(remove(t, '1', null, null, null, null), later);
      expect(await remembered()).toBe(1);
      // as one that comes of the table as it is now
      const [same] = await fixture.target.query(
        'select from replicator.tombstones where key_hash = hashint8extended(1, 0)',
      );
      expect(same).toBeDefined();
    });

    test.each([
      ['the key has another type', 'alter table t alter id type text', true],
      ['the key has another name', 'alter table t rename id to key', true],
      [
        'the key has more columns',
        'alter table t drop constraint t_pkey, add primary key (id, u)',
        true,
      ],
      ['there is no key', 'alter table t drop constraint t_pkey', true],
      ['the table is gone', 'drop table t', false],
    ])('it goes on, and takes no row, where %s', async (_, ddl, isTold) => {
      const t = await fixture.ownRelation('t');
      const is = async () => (isTold ? await fixture.rows('t') : []);
      await fixture.target.query(ddl);
      const before = await is();
      await apply(insert(t, '2', 'b', '1', 'v', 'fine'), later, 0x1500n);
      await apply(remove(t, '1', null, null, null, null), later);
      expect(own.progress).toBe(0x1ffan);
      expect(await remembered()).toBe(0);
      expect(await is()).toEqual(before);
      expect(otherKeys).toEqual(isTold ? ['public.t'] : []);
    });
  });
});
