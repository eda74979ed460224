// Each kind of statement that is written to a target, on every version.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RowChange } from '../../../../src/model/change.ts';
import { Tuple, unchanged } from '../../../../src/model/tuple.ts';
import { majors } from '../../../support/servers-for-tests.ts';
import { ApplierFixture, insert, rekey, remove, update } from './applier-fixture.ts';

describe.each(majors)('PostgreSQL %i', (major) => {
  let fixture: ApplierFixture;

  beforeAll(async () => {
    fixture = await ApplierFixture.create(major);
  }, 30_000);

  afterEach(async () => {
    fixture.conflicts.length = 0;
    // one that failed keeps its locks
    await fixture.applier.close();
    await fixture.connect();
    await fixture.onBoth(
      `do $$ declare t text; begin
         for t in select oid::regclass from pg_class where relnamespace = 'public'::regnamespace
                  and relkind in ('r', 'p') and not relispartition
         loop execute 'drop table ' || t || ' cascade'; end loop; end $$`,
    );
  });

  afterAll(async () => {
    await fixture.close();
  });

  /** The table on both sides, and as the stream describes it. */
  async function tableOf(ddl: string, onTarget = ddl) {
    await fixture.source.query(ddl);
    await fixture.target.query(onTarget);
    return await fixture.relation(/create table (\w+)/.exec(ddl)?.[1] ?? '');
  }

  const plain = 'create table t (id int primary key, v text, n numeric(10,2))';

  test('insert, update, a new key and delete', async () => {
    const t = await tableOf(plain);
    await fixture.apply([insert(t, '1', 'a', '1.50'), insert(t, '2', null, null)]);
    await fixture.apply([insert(t, '3', '', '0'), update(t, '1', 'b', '2')]);
    await fixture.apply([rekey(t, ['2', null, null], '20', 'moved', '3')]);
    expect(await fixture.rows('t')).toEqual(['(1,b,2.00)', '(20,moved,3.00)', '(3,"",0.00)']);
    await fixture.apply([remove(t, '1', null, null), remove(t, '3', null, null)]);
    expect(await fixture.rows('t')).toEqual(['(20,moved,3.00)']);
    expect(fixture.conflicts).toEqual([]);
  });

  test('progress, origin, commit time and counters commit with the rows', async () => {
    const t = await tableOf(plain);
    const commitTime = 757_382_400_123_456n;
    await fixture.apply([insert(t, '1', 'a', '1'), insert(t, '2', 'a', '1')], { commitTime });
    const [row] = await fixture.target.query(`
      select p.lsn = '${fixture.applier.progress.toString(16).padStart(3, '0').replace(/^/, '0/')}'
               as at_end, p.commit_time::text,
             (select count(distinct xmin::text) from t)::int as transactions,
             pg_xact_commit_timestamp(t.xmin)::text as stamped
      from replicator.progress p, t where t.id = 1`);
    expect(row).toEqual({
      at_end: 't',
      commit_time: '2024-01-01 00:00:00.123456+00',
      transactions: '1',
      stamped: '2024-01-01 00:00:00.123456+00',
    });
    if (major >= 14) {
      const [stamp] = await fixture.target.query(`
        select roname from t, pg_xact_commit_timestamp_origin(t.xmin) s
        join pg_replication_origin o on o.roident = s.roident where t.id = 1`);
      expect(stamp).toEqual({ roname: 'replicator_a__b' });
    }
  });

  test('a row that is there already is overwritten, and counted', async () => {
    const t = await tableOf(plain);
    await fixture.target.query(`insert into t values (1, 'here', 1), (2, 'here', 2)`);
    await fixture.apply([insert(t, '1', 'new', null), insert(t, '3', 'new', null)]);
    expect(await fixture.rows('t')).toEqual(['(1,new,)', '(2,here,2.00)', '(3,new,)']);
    expect(fixture.conflicts).toEqual([{ insert_exists: 1 }]);
  });

  test('a row that is not there to delete is counted', async () => {
    const t = await tableOf(plain);
    await fixture.target.query(`insert into t values (1, 'here', 1)`);
    await fixture.apply([remove(t, '1', null, null), remove(t, '2', null, null)]);
    expect(await fixture.rows('t')).toEqual([]);
    expect(fixture.conflicts).toEqual([{ delete_missing: 1 }]);
  });

  test('rows of nothing but their key', async () => {
    const t = await tableOf('create table t (a int, b text, primary key (b, a))');
    await fixture.apply([insert(t, '1', 'x'), insert(t, '2', 'x'), insert(t, '2', 'y')]);
    await fixture.apply([insert(t, '1', 'x'), update(t, '2', 'x')]);
    await fixture.apply([remove(t, '2', 'y'), rekey(t, ['2', 'x'], '3', 'z')]);
    expect(await fixture.rows('t')).toEqual(['(1,x)', '(3,z)']);
    expect(fixture.conflicts).toEqual([{ insert_exists: 1 }]);
  });

  test('keys that are swapped in one transaction', async () => {
    const t = await tableOf(plain);
    await fixture.apply([insert(t, '1', 'a', '1'), insert(t, '2', 'b', '2')]);
    await fixture.apply([
      rekey(t, ['1', null, null], '-1', 'a', '1'),
      rekey(t, ['2', null, null], '1', 'b', '2'),
      rekey(t, ['-1', null, null], '2', 'a', '1'),
    ]);
    expect(await fixture.rows('t')).toEqual(['(1,b,2.00)', '(2,a,1.00)']);
  });

  test('keys that move all by one', async () => {
    const t = await tableOf(plain);
    const ids = Array.from({ length: 20 }, (_, i) => i + 1);
    await fixture.apply(ids.map((id) => insert(t, String(id), `v${id}`, null)));
    await fixture.apply(
      ids
        .toReversed()
        .map((id) => rekey(t, [String(id), null, null], String(id + 1), `v${id}`, null)),
    );
    expect(
      await fixture.target.query('select id, v from t where id in (2, 21) order by id'),
    ).toEqual([
      { id: '2', v: 'v1' },
      { id: '21', v: 'v20' },
    ]);
    expect(await fixture.rows('t')).toHaveLength(20);
  });

  test('TRUNCATE between inserts takes what came before, of these tables only', async () => {
    const t = await tableOf(plain);
    await fixture.onBoth('create table other (id int primary key)');
    await fixture.target.query('insert into other values (1)');
    await fixture.apply([
      insert(t, '1', 'a', null),
      { kind: 'truncate', relations: [t], cascade: true, restartIdentity: true },
      insert(t, '2', 'b', null),
    ]);
    expect(await fixture.rows('t')).toEqual(['(2,b,)']);
    expect(await fixture.rows('other')).toEqual(['(1)']);
  });

  test('TRUNCATE of tables that refer to each other, and of a partitioned one', async () => {
    const t = await tableOf('create table t (id int primary key)');
    const child = await tableOf('create table child (id int primary key, t int references t (id))');
    const parted = await tableOf(`create table parted (id int primary key) partition by range (id);
      create table part partition of parted for values from (0) to (100)`);
    await fixture.apply([insert(t, '1'), insert(child, '1', '1'), insert(parted, '1')]);
    const relations = [t, child, parted];
    await fixture.apply([{ kind: 'truncate', relations, cascade: false, restartIdentity: false }]);
    for (const table of ['t', 'child', 'parted']) expect(await fixture.rows(table)).toEqual([]);
  });

  test('a table without a key keeps equal rows apart', async () => {
    const t = await tableOf('create table t (a int, b text)');
    await fixture.apply([insert(t, '1', 'x'), insert(t, '1', 'x'), insert(t, '2', null)]);
    expect(await fixture.rows('t')).toEqual(['(1,x)', '(1,x)', '(2,)']);
    await expect(fixture.apply([remove(t, '1', 'x')])).rejects.toMatchObject({
      code: 'REPLICA_IDENTITY',
    });
    expect(await fixture.rows('t')).toHaveLength(3);
  });

  test('a partitioned target, also when a row moves to another partition', async () => {
    const t = await tableOf(
      'create table t (id int primary key, v text)',
      `create table t (id int primary key, v text) partition by range (id);
       create table t_low partition of t for values from (0) to (10);
       create table t_high partition of t for values from (10) to (100)`,
    );
    await fixture.apply([insert(t, '1', 'a'), insert(t, '50', 'b')]);
    await fixture.apply([insert(t, '1', 'again'), insert(t, '2', 'new')]);
    await fixture.apply([
      update(t, '50', 'c'),
      rekey(t, ['1', null], '60', 'moved'),
      remove(t, '2', null),
    ]);
    expect(await fixture.rows('t')).toEqual(['(50,c)', '(60,moved)']);
    expect(await fixture.rows('t_low')).toEqual([]);
    expect(fixture.conflicts).toEqual([{ insert_exists: 1 }]);
    await fixture.apply([update(t, '7', 'missing')]);
    expect(await fixture.rows('t_low')).toEqual(['(7,missing)']);
  });

  test('generated always: an identity is inserted as it came, a stored column computes itself', async () => {
    const ddl = `create table t (id int generated always as identity primary key, v int,
      twice int generated always as (v * 2) stored)`;
    const t = await tableOf(ddl);
    await fixture.apply([insert(t, '10', '1'), insert(t, '20', '2')]);
    await fixture.apply([update(t, '10', '5'), insert(t, '20', '6')]);
    expect(await fixture.rows('t')).toEqual(['(10,5,10)', '(20,6,12)']);
  });

  test.each([
    ['of the key', 'id int generated always as identity primary key, v text', 'id'],
    ['beside the key', 'seq int generated always as identity, id int primary key', 'seq'],
  ])('generated always: an identity %s that the source gave anew', async (_, columns, name) => {
    const t = await tableOf(`create table t (${columns})`);
    await fixture.apply([insert(t, '1', '1'), insert(t, '2', '2')]);
    // update t set … = default where id = 1, which is all that can change it
    const isKey = name === 'id';
    const change = isKey ? rekey(t, ['1', null], '3', '1') : update(t, '3', '1');
    await expect(fixture.apply([change])).rejects.toMatchObject({
      code: 'SCHEMA_DRIFT',
      hint: `alter table public.t alter column "${name}" set generated by default`,
    });
    await fixture.applier.close();
    await fixture.target.query(`alter table t alter ${name} set generated by default`);
    await fixture.connect();
    await fixture.apply([change, update(t, '2', isKey ? '5' : '2')]);
    expect(await fixture.rows('t')).toEqual(isKey ? ['(2,5)', '(3,1)'] : ['(2,2)', '(3,1)']);
  });

  test('generated always: the identity is part of a key whose other part changes', async () => {
    const t = await tableOf(
      'create table t (a int, id int generated always as identity, primary key (a, id))',
    );
    await fixture.apply([insert(t, '1', '1'), insert(t, '1', '2')]);
    await fixture.apply([rekey(t, ['1', '2'], '5', '2'), update(t, '1', '1'), update(t, '9', '9')]);
    expect(await fixture.rows('t')).toEqual(['(1,1)', '(5,2)', '(9,9)']);
  });

  test('generated always: nothing but an identity, or nothing else that was sent', async () => {
    const only = await tableOf(
      'create table ids (id int generated always as identity primary key)',
    );
    await fixture.apply([insert(only, '1'), insert(only, '2')]);
    await fixture.apply([insert(only, '2'), insert(only, '3'), update(only, '1')]);
    expect(await fixture.rows('ids')).toEqual(['(1)', '(2)', '(3)']);
    expect(fixture.conflicts).toEqual([{ insert_exists: 1 }]);
    const t = await tableOf(
      'create table t (id int generated always as identity primary key, big text)',
    );
    await fixture.apply([insert(t, '1', 'B'), update(t, '1', unchanged)]);
    await fixture.apply([update(t, '1', unchanged)]);
    expect(await fixture.rows('t')).toEqual(['(1,B)']);
  });

  test('other order of columns, wider types and more of them with defaults', async () => {
    const t = await tableOf(
      'create table t (id int primary key, v varchar(5), n smallint)',
      `create table t (n bigint, more text not null default 'filled', v text, id bigint primary key,
        at timestamptz default now())`,
    );
    await fixture.apply([insert(t, '1', 'abc', '7')]);
    await fixture.apply([update(t, '1', 'def', '8')]);
    expect(await fixture.target.query('select id, v, n, more, at is null as gone from t')).toEqual([
      { id: '1', v: 'def', n: '8', more: 'filled', gone: 'f' },
    ]);
  });

  test('values of many types, null and empty ones among them, as they came', async () => {
    const t = await tableOf(`create table t (id int primary key, c char(5), a text[], m int[],
      j json, b bytea, ts timestamptz(3), i interval, bit bit(3), o "char")`);
    const row = [
      '1',
      'ab   ',
      '{"a,b",NULL,"NULL",""}',
      '[0:1][2:3]={{1,2},{3,4}}',
      '{"a": 1,  "a": 2}',
      '\\x00ff',
      'infinity',
      '-1 years +2 days',
      '101',
      'x',
    ];
    await fixture.apply([insert(t, ...row), insert(t, '2', ...row.slice(1).map(() => null))]);
    await fixture.apply([update(t, ...row)]);
    const [got] = await fixture.target.query(`select id::text, c::text, a::text, m::text, j::text,
      b::text, ts::text, i::text, bit::text, o::text, length(c || '|') as padded from t where id = 1`);
    expect(Object.values(got ?? {})).toEqual([
      ...row.map((value) =>
        value === 'ab   ' ? 'ab' : value === '-1 years +2 days' ? '-1 years +2 days' : value,
      ),
      '3',
    ]);
    expect(await fixture.rows('(select * from t where id = 2)')).toEqual(['(2,,,,,,,,,)']);
  });

  test('values that are large and were not touched keep what is there', async () => {
    const t = await tableOf('create table t (id int primary key, v text, big text)');
    await fixture.apply([insert(t, '1', 'a', 'B'), insert(t, '2', 'a', 'B')]);
    await fixture.apply([update(t, '1', 'b', unchanged), update(t, '2', unchanged, 'C')]);
    await fixture.apply([
      update(t, '1', unchanged, unchanged),
      rekey(t, ['2', null, null], '3', 'c', unchanged),
    ]);
    expect(await fixture.rows('t')).toEqual(['(1,b,B)', '(3,c,C)']);
  });

  describe('row by row', () => {
    test('an update whose row is missing becomes an insert, filled from the source', async () => {
      const t = await tableOf('create table t (id int primary key, v text, big text)');
      await fixture.source.query(`insert into t values (1, 'now', 'BIG'), (3, 'now', 'BIG3')`);
      await fixture.target.query(`insert into t values (2, 'here', 'here')`);
      await fixture.apply([
        update(t, '1', 'then', unchanged),
        update(t, '2', 'changed', unchanged),
        // gone at the source too: its delete is on the way
        update(t, '4', 'gone', unchanged),
        update(t, '5', 'whole', 'all of it'),
        rekey(t, ['9', null, null], '3', 'moved', unchanged),
        insert(t, '6', 'x', 'y'),
        remove(t, '7', null, null),
      ]);
      expect(await fixture.rows('t')).toEqual([
        '(1,then,BIG)',
        '(2,changed,here)',
        '(3,moved,BIG3)',
        '(5,whole,"all of it")',
        '(6,x,y)',
      ]);
      expect(fixture.conflicts).toEqual([{ update_missing: 4, delete_missing: 1 }]);
    });

    test('a large key that was not sent again is found by the old one', async () => {
      const t = await tableOf('create table t (id text primary key, v text)');
      const key = 'k'.repeat(2_000);
      await fixture.source.query('insert into t values ($1, $2)', [key, 'now']);
      await fixture.target.query('insert into t values ($1, $2)', ['other', 'x']);
      await fixture.apply([
        rekey(t, ['other', null], unchanged, 'y'),
        rekey(t, [key, null], unchanged, 'then'),
      ]);
      expect(await fixture.rows('t')).toEqual([`(${key},then)`, '(other,y)']);
    });

    test('unique values that change hands inside a transaction', async () => {
      const t = await tableOf('create table t (id int primary key, email text unique)');
      await fixture.apply([insert(t, '1', 'a'), insert(t, '2', 'b'), insert(t, '3', 'c')]);
      await fixture.apply([update(t, '1', 'tmp'), update(t, '2', 'a'), update(t, '1', 'b')]);
      expect(await fixture.rows('t')).toEqual(['(1,b)', '(2,a)', '(3,c)']);
      await fixture.apply([
        remove(t, '3', null),
        insert(t, '4', 'c'),
        update(t, '1', 'd'),
        insert(t, '5', 'b'),
      ]);
      expect(await fixture.rows('t')).toEqual(['(1,d)', '(2,a)', '(4,c)', '(5,b)']);
      expect(fixture.conflicts).toEqual([]);
    });

    test('what fails there as well is an error, and nothing of the batch stays', async () => {
      const t = await tableOf('create table t (id int primary key, email text unique)');
      await fixture.target.query(`insert into t values (7, 'taken')`);
      const before = fixture.applier.progress;
      const failed = fixture.apply([insert(t, '1', 'free'), insert(t, '2', 'taken')]);
      await expect(failed).rejects.toMatchObject({ code: 'UNIQUE_VIOLATION' });
      await fixture.applier.close();
      await fixture.connect();
      expect(fixture.applier.progress).toBe(before);
      expect(await fixture.rows('t')).toEqual(['(7,taken)']);
    });
  });

  test('bytes that are no text reach the server, which refuses them', async () => {
    const t = await tableOf(plain);
    const bytes = Buffer.concat([Tuple.of(['1', 'é', null]).bytes]);
    bytes[bytes.indexOf(0xc3)] = 0xff;
    const change: RowChange = {
      kind: 'insert',
      relation: t,
      new: new Tuple(bytes, 0, bytes.length, 3, false),
    };
    await expect(fixture.apply([change])).rejects.toMatchObject({
      code: 'DATA_REJECTED',
      sqlstate: '22021',
    });
  });

  test.each([
    ['a value that is too long', 'v varchar(3) check (v <> $$bad$$)', 'secret', 'DATA_REJECTED'],
    ['a check', 'v text check (v <> $$secret$$)', 'secret', 'DATA_REJECTED'],
  ])('%s is refused without a word of the value', async (_, column, value, code) => {
    const t = await tableOf(
      'create table t (id int primary key, v text)',
      `create table t (id int primary key, ${column.replace('varchar(3)', 'text check (length(v) < 4)')})`,
    );
    const failed = fixture.apply([insert(t, '1', value)]);
    await expect(failed).rejects.toMatchObject({ code });
    await expect(failed).rejects.not.toThrow('secret');
    await fixture.applier.close();
    await fixture.connect();
    expect(await fixture.rows('t')).toEqual([]);
  });

  test('another replicator that moved the progress is noticed before anything is written', async () => {
    const t = await tableOf(plain);
    await fixture.target.query(`update replicator.progress set lsn = '0/F00'`);
    await expect(fixture.apply([insert(t, '1', 'a', null)])).rejects.toMatchObject({
      code: 'FENCED',
    });
    await fixture.applier.close();
    await fixture.connect();
    expect(fixture.applier.progress).toBe(0xf00n);
    expect(await fixture.rows('t')).toEqual([]);
  });
});
