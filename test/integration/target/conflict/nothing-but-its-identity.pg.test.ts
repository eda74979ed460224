// SQL lets nobody update a GENERATED ALWAYS identity: of a table that has nothing else, a row that wins is made anew,
// or it would keep the version of the one that lost.
import { afterEach, expect, test } from 'vitest';
import { majors } from '../../../support/servers-for-tests.ts';
import { Masters, type Written } from './masters.ts';

let all: Masters | undefined;

afterEach(async () => await all?.close());

const insert: Written = {
  kind: 'insert',
  sql: 'insert into t overriding system value values (7)',
};
const remove: Written = { kind: 'delete', sql: 'delete from t where id = 7' };

test.each(majors)('PostgreSQL %i: its row has the version of who wrote it last', async (major) => {
  all = await Masters.create(
    [major, major, major],
    'create table t (id int generated always as identity primary key)',
  );
  const [a, b, c] = all.masters;
  const routeOf = (source: typeof a, target: typeof a) =>
    all?.routes.find((route) => route.source === source && route.target === target);
  const [toC, toA] = [routeOf(a, c), routeOf(b, a)];
  if (!a || !b || !c || !toC || !toA) throw new Error('no masters');
  await all.write(a, [insert]);
  await all.deliver(toC, 1);
  await all.write(c, [remove]);
  await all.write(b, [insert]);
  await all.deliver(toA, 1);
  for (const route of all.routes) await all.deliver(route, Number.POSITIVE_INFINITY);
  expect(await all.rows('t')).toEqual([['(7)'], ['(7)'], ['(7)']]);
});
