// REPLICA IDENTITY FULL without a key: one row per change, by all that it holds.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { unchanged } from '../../../../src/model/tuple.ts';
import { eventually } from '../../../support/eventually.ts';
import { majors } from '../../../support/servers-for-tests.ts';
import { ApplierFixture, insert, rekey, remove } from './applier-fixture.ts';

describe.each(majors)('PostgreSQL %i', (major) => {
  let fixture: ApplierFixture;

  beforeAll(async () => {
    fixture = await ApplierFixture.create(major);
  }, 30_000);

  afterEach(async () => {
    fixture.conflicts.length = 0;
    await fixture.applier.close();
    await eventually(() => fixture.connect());
    await fixture.onBoth('drop table if exists t');
  });

  afterAll(async () => {
    await fixture.close();
  });

  async function tableOf(columns: string) {
    await fixture.onBoth(`create table t (${columns}); alter table t replica identity full`);
    return await fixture.relation('t');
  }

  /** Those of the applier, which tells all of them when its session ends. */
  async function scansOfT() {
    await fixture.applier.close();
    await eventually(() => fixture.connect());
    return await eventually(async () => {
      const [row] = await fixture.target.query(
        `select seq_scan as sequential, idx_scan as index from pg_stat_user_tables
         where relname = 't' and n_tup_upd = 2000`,
      );
      if (row === undefined) throw new Error('not told yet');
      return row;
    });
  }

  test('of equal rows one is changed, and one is removed', async () => {
    const t = await tableOf('a int, b text');
    const x = ['1', 'x'];
    await fixture.apply([insert(t, ...x), insert(t, ...x), insert(t, ...x), insert(t, ...x)]);
    await fixture.apply([rekey(t, x, '1', 'y'), remove(t, ...x)]);
    expect(await fixture.rows('t')).toEqual(['(1,x)', '(1,x)', '(1,y)']);
    await fixture.apply([remove(t, ...x), remove(t, ...x), rekey(t, ['1', 'y'], '1', 'x')]);
    expect(await fixture.rows('t')).toEqual(['(1,x)']);
    expect(fixture.conflicts).toEqual([]);
  });

  test('a null is no empty text, and both are found', async () => {
    const t = await tableOf('a int, b text, c text');
    const rows = [
      [null, null, null],
      [null, '', null],
      [null, null, ''],
      ['1', null, 'null'],
    ] as const;
    await fixture.apply(rows.map((row) => insert(t, ...row)));
    await fixture.apply([remove(t, ...rows[1]), rekey(t, rows[3], null, 'was', 'null')]);
    await fixture.apply([remove(t, ...rows[0])]);
    expect(await fixture.rows('t')).toEqual(['(,,"")', '(,was,null)']);
    expect(fixture.conflicts).toEqual([]);
  });

  test('types without an equality, and values that are equal but not the same', async () => {
    const t = await tableOf('j json, x xml, p point, n numeric, f float8, b box, s "char"');
    const one = ['{"a": 1}', '<a/>', '(1,2)', '1.0', '-0', '(1,1),(0,0)', 'a'];
    const other = ['{"a":1}', '<a></a>', '(1,3)', '1.00', '0', '(2,0.5),(0,0)', 'b'];
    await fixture.apply([insert(t, ...one), insert(t, ...other), insert(t, ...one)]);
    await fixture.apply([remove(t, ...other), rekey(t, one, ...one.with(3, 'NaN'))]);
    expect(await fixture.target.query('select n::text, f::text from t order by 1')).toEqual([
      { n: '1.0', f: '-0' },
      { n: 'NaN', f: '-0' },
    ]);
  });

  test('rows that the batch made itself are followed', async () => {
    const t = await tableOf('a text');
    await fixture.apply([insert(t, 'old')]);
    await fixture.apply([
      insert(t, '1'),
      rekey(t, ['1'], '2'),
      rekey(t, ['old'], '3'),
      rekey(t, ['3'], '4'),
      insert(t, 'gone'),
      remove(t, 'gone'),
      insert(t, 'old'),
      remove(t, '4'),
    ]);
    expect(await fixture.rows('t')).toEqual(['(2)', '(old)']);
    expect(fixture.conflicts).toEqual([]);
  });

  test('a large value that was not sent is in the old row', async () => {
    const t = await tableOf('a int, big text');
    const big = 'x'.repeat(5_000);
    await fixture.apply([insert(t, '1', big)]);
    await fixture.apply([rekey(t, ['1', big], '2', unchanged)]);
    expect(await fixture.rows('t')).toEqual([`(2,${big})`]);
    // missing there: it comes whole
    await fixture.apply([rekey(t, ['7', big], '8', unchanged)]);
    expect(await fixture.rows('t')).toEqual([`(2,${big})`, `(8,${big})`]);
    expect(fixture.conflicts).toEqual([{ update_missing: 1 }]);
  });

  test('a row that is missing is counted', async () => {
    const t = await tableOf('a int');
    await fixture.apply([insert(t, '1')]);
    await fixture.apply([remove(t, '1'), remove(t, '1'), remove(t, '2')]);
    expect(await fixture.rows('t')).toEqual([]);
    expect(fixture.conflicts).toEqual([{ delete_missing: 2 }]);
  });

  test('an identity that SQL cannot update, and a table of no columns', async () => {
    const t = await tableOf('id int generated always as identity, v text');
    await fixture.apply([insert(t, '1', 'a'), insert(t, '2', 'b')]);
    await fixture.apply([rekey(t, ['1', 'a'], '10', 'a'), rekey(t, ['2', 'b'], '2', 'c')]);
    expect(await fixture.rows('t')).toEqual(['(10,a)', '(2,c)']);
    await fixture.onBoth('drop table t');
    const none = await tableOf('');
    await fixture.apply([insert(none), insert(none), insert(none)]);
    await fixture.apply([remove(none)]);
    expect(await fixture.rows('t')).toEqual(['()', '()']);
  });

  test.each([
    ['without an index', 'select', 0, 20],
    ['with one', 'create index on t (a)', 2_000, 2],
  ])(
    'thousands of rows are found in a few scans, or by an index: %s',
    async (_, prepare, index, scans) => {
      const t = await tableOf('a int, b text');
      await fixture.target.query(
        `insert into t select i / 2, 'v' from generate_series(0, 19999) i`,
      );
      await fixture.target.query(prepare);
      const ids = Array.from({ length: 2_000 }, (_, i) => String(i));
      await fixture.apply(ids.map((id) => rekey(t, [id, 'v'], id, 'w')));
      expect(await fixture.target.query(`select b, count(*) from t group by b order by b`)).toEqual(
        [
          { b: 'v', count: '18000' },
          { b: 'w', count: '2000' },
        ],
      );
      expect(fixture.conflicts).toEqual([]);
      const told = await scansOfT();
      expect(Number(told['index'] ?? 0)).toBeGreaterThanOrEqual(index);
      expect(Number(told['sequential'])).toBeLessThanOrEqual(scans);
    },
  );

  test('rows of partitions move, and columns of the target alone keep their values', async () => {
    await fixture.source.query(
      'create table t (a int, b text); alter table t replica identity full',
    );
    await fixture.target.query(
      `create table t (own text default 'mine', b text, a int) partition by range (a);
       create table t1 partition of t for values from (0) to (10);
       create table t2 partition of t for values from (10) to (20)`,
    );
    const t = await fixture.relation('t');
    await fixture.apply([insert(t, '1', 'x'), insert(t, '11', 'x')]);
    await fixture.target.query(`update t set own = 'changed'`);
    await fixture.apply([rekey(t, ['1', 'x'], '12', 'x'), rekey(t, ['11', 'x'], '11', 'y')]);
    expect(await fixture.rows('t')).toEqual(['(changed,x,12)', '(changed,y,11)']);
    expect(await fixture.rows('t2')).toHaveLength(2);
  });

  test('a server need not keep a statement for each of the columns that can be null', {
    timeout: 60_000,
  }, async () => {
    const names = Array.from({ length: 11 }, (_, i) => `c${i}`);
    const t = await tableOf(names.map((name) => `${name} int`).join(', '));
    const rows = Array.from({ length: 1_100 }, (_, row) =>
      names.map((_, i) => ((row >> i) & 1 ? '1' : null)),
    );
    await fixture.apply(rows.map((row) => insert(t, ...row)));
    await fixture.apply(rows.map((row) => remove(t, ...row)));
    expect(await fixture.rows('t')).toEqual([]);
    const { count } = await fixture.applier.session.one(
      'select count(*) from pg_catalog.pg_prepared_statements',
    );
    expect(Number(count)).toBeLessThan(1_050);
    expect(fixture.conflicts).toEqual([]);
  });
});
