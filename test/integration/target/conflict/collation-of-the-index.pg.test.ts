// Which values are equal an index says by its own collation, which need not be its column's.
import { afterEach, expect, test } from 'vitest';
import { newest, oldest } from '../../../support/servers-for-tests.ts';
import { Masters, type Written } from './masters.ts';

let all: Masters | undefined;

afterEach(async () => await all?.close());

const ci = `create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);`;
const insert = (...values: string[]): Written => ({
  kind: 'insert',
  sql: `insert into t values (${values.map((value) => `'${value}'`).join()})`,
});

async function deliverAll(masters: Masters): Promise<void> {
  for (const route of masters.routes) await masters.deliver(route, Number.POSITIVE_INFINITY);
}

for (const major of [oldest, newest]) {
  test(`PostgreSQL ${major}: a value is one row's where its index ignores case`, async () => {
    all = await Masters.create(
      [major, major],
      `${ci} create table t (id int primary key, email text);
       create unique index on t (email collate ci)`,
    );
    const [a, b] = all.masters;
    if (!a || !b) throw new Error('no masters');
    await all.write(a, [insert('1', 'Bob')]);
    await all.write(b, [insert('2', 'bob')]);
    await deliverAll(all);
    expect(await all.rows('t')).toEqual([['(2,bob)'], ['(2,bob)']]);
  });

  test(`PostgreSQL ${major}: two values are two rows' where only the column ignores case`, async () => {
    all = await Masters.create(
      [major, major],
      `${ci} create table t (id int primary key, email text collate ci);
       create unique index on t (email collate "C")`,
    );
    const [a, b] = all.masters;
    if (!a || !b) throw new Error('no masters');
    await all.write(a, [insert('1', 'Bob'), insert('3', 'x')]);
    await all.write(b, [insert('2', 'bob'), insert('4', 'x')]);
    await deliverAll(all);
    const rows = ['(1,Bob)', '(2,bob)', '(4,x)'];
    expect(await all.rows('t')).toEqual([rows, rows]);
  });

  test(`PostgreSQL ${major}: a key is found as its index means it`, {
    timeout: 20_000,
  }, async () => {
    all = await Masters.create(
      [major, major],
      `${ci} create table t (k text not null, v text); create unique index t_k on t (k collate ci);
       alter table t replica identity using index t_k`,
    );
    const [a, b] = all.masters;
    if (!a || !b) throw new Error('no masters');
    await all.write(a, [insert('Bob', 'of a')]);
    await all.write(b, [insert('bob', 'of b')]);
    await deliverAll(all);
    expect(await all.rows('t')).toEqual([['(bob,"of b")'], ['(bob,"of b")']]);
  });

  test(`PostgreSQL ${major}: two keys are two rows where only the column ignores case`, async () => {
    all = await Masters.create(
      [major, major],
      `${ci} create table t (k text collate ci not null, v text, big text);
       create unique index t_k on t (k collate "C"); alter table t replica identity using index t_k`,
    );
    const [a, b] = all.masters;
    if (!a || !b) throw new Error('no masters');
    await all.write(a, [insert('Bob', '1', 'B'), insert('bob', '2', 'b')]);
    await all.write(a, [
      { kind: 'update', sql: `update t set v = '3' where k = 'bob' collate "C"`, unsent: ['big'] },
    ]);
    await deliverAll(all);
    await all.write(b, [{ kind: 'delete', sql: `delete from t where k = 'bob' collate "C"` }]);
    await deliverAll(all);
    expect(await all.rows('t')).toEqual([['(Bob,1,B)'], ['(Bob,1,B)']]);
  });
}
