// Tables whose rows are not found, written or counted as those of most others.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { unchanged } from '../../../../src/model/tuple.ts';
import { eventually } from '../../../support/eventually.ts';
import { majors } from '../../../support/servers-for-tests.ts';
import { ApplierFixture, insert, remove, update } from './applier-fixture.ts';

describe.each(majors)('PostgreSQL %i', (major) => {
  let fixture: ApplierFixture;

  beforeAll(async () => {
    fixture = await ApplierFixture.create(major);
  }, 30_000);

  afterEach(async () => {
    fixture.conflicts.length = 0;
    await fixture.applier.close();
    await eventually(() => fixture.connect());
    await fixture.onBoth('drop table if exists t cascade; drop domain if exists short');
  });

  afterAll(async () => {
    await fixture.close();
  });

  test('rows of a table that inherits have a key of their own', async () => {
    await fixture.onBoth(
      'create table t (id int primary key, v text); create table child (primary key (id)) inherits (t)',
    );
    const [t, child] = [await fixture.relation('t'), await fixture.relation('child')];
    await fixture.apply([insert(t, '1', 'parent'), insert(t, '2', 'parent')]);
    await fixture.apply([insert(child, '1', 'child'), insert(child, '2', 'child')]);
    await fixture.apply([update(t, '1', 'changed'), remove(t, '2', null)]);
    expect(await fixture.rows('only t')).toEqual(['(1,changed)']);
    expect(await fixture.rows('child')).toEqual(['(1,child)', '(2,child)']);
    expect(fixture.conflicts).toEqual([]);
  });

  test('deferrable constraints do not stand in the way of values that are swapped', async () => {
    await fixture.onBoth(`create table t (id int primary key, u int unique deferrable, v text,
      exclude using btree (v with =) deferrable initially deferred)`);
    const t = await fixture.relation('t');
    await fixture.apply([insert(t, '1', '10', 'a'), insert(t, '2', '20', 'b')]);
    // Each has what the other had; a large value left out makes them two statements.
    await fixture.apply([update(t, '1', '20', unchanged), update(t, '2', '10', 'c')]);
    await fixture.apply([update(t, '1', '10', 'c'), update(t, '2', '20', 'a')]);
    expect(await fixture.rows('t')).toEqual(['(1,10,c)', '(2,20,a)']);
    await fixture.apply([
      update(t, '1', '20', 'a'),
      update(t, '2', '10', 'c'),
      { kind: 'truncate', relations: [t], cascade: false, restartIdentity: false },
      insert(t, '3', '30', 'a'),
    ]);
    expect(await fixture.rows('t')).toEqual(['(3,30,a)']);
    expect(fixture.conflicts).toEqual([]);
  });

  test('a value that does not fit the domain of the target is refused, not cut', async () => {
    await fixture.source.query(
      'create domain short as varchar(9); create table t (id int primary key, v short)',
    );
    await fixture.target.query(
      'create domain short as varchar(3); create table t (id int primary key, v short)',
    );
    const t = await fixture.relation('t');
    await expect(fixture.apply([insert(t, '1', 'abcdef')])).rejects.toMatchObject({
      code: 'DATA_REJECTED',
    });
    expect(await fixture.rows('t')).toEqual([]);
  });

  test('rows born in a batch are not counted as missing when it deletes them', async () => {
    await fixture.onBoth('create table t (id int primary key, v text)');
    const t = await fixture.relation('t');
    const ids = Array.from({ length: 1_500 }, (_, i) => String(i));
    const there = ids.map((id) => String(10_000 + Number(id)));
    await fixture.apply(there.map((id) => insert(t, id, null)));
    await fixture.apply([
      ...ids.flatMap((id) => [insert(t, id, null), remove(t, id, null)]),
      ...there.map((id) => remove(t, id, null)),
    ]);
    expect(await fixture.rows('t')).toEqual([]);
    expect(fixture.conflicts).toEqual([]);
  });
});
