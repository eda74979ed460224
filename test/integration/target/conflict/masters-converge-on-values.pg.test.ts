// Random histories of rows that clash in values of unique keys, delivered in every order and in batches
// of every size: the rule and its SQL, without the streams.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newest, oldest } from '../../../support/servers-for-tests.ts';
import { Masters, type Written } from './masters.ts';

const ids = fc.integer({ min: 1, max: 3 });
const values = fc.constantFrom('x', 'y');

interface Step {
  act(all: Masters): Promise<void>;
  [fc.toStringMethod](): string;
}

const set = (id: number, what: string, unsent = ['big']): Written => ({
  kind: 'update',
  sql: `update t set ${what} where id = ${id}`,
  unsent,
});
const put = (id: number, email: string, phone: string): Written => ({
  ...set(id, `email = ${email}, phone = ${phone}`),
  otherwise: { kind: 'insert', sql: `insert into t values (${id}, ${email}, ${phone}, 'n', 'b')` },
});
const remove = (id: number): Written => ({ kind: 'delete', sql: `delete from t where id = ${id}` });

const quoted = values.map((value) => `'${value}'`);
const nullable = fc.oneof(quoted, fc.constant('null'));
const statements: fc.Arbitrary<Written[]> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(ids, quoted, nullable).map(([id, email, phone]) => [put(id, email, phone)]),
  },
  { weight: 2, arbitrary: fc.tuple(ids, nullable).map(([id, to]) => [set(id, `email = ${to}`)]) },
  ids.map((id) => [set(id, `note = note || '+'`)]),
  ids.map((id) => [set(id, `big = big || '+'`, [])]),
  { weight: 2, arbitrary: ids.map((id) => [remove(id)]) },
  fc
    .tuple(ids, ids, quoted, quoted)
    .filter(([a, b]) => a !== b)
    .map(([a, b, x, y]) => [
      set(a, 'email = null'),
      set(b, `email = ${x}`),
      set(a, `email = ${y}`),
    ]),
);

const step = (said: string, act: Step['act']): Step => ({ act, [fc.toStringMethod]: () => said });

const writes = fc.tuple(fc.integer({ min: 0, max: 1 }), statements).map(([n, written]) =>
  step(`${'ab'[n]}: ${written.map(({ sql }) => sql).join('; ')}`, async (all) => {
    const master = all.masters[n];
    if (master) await all.write(master, written);
  }),
);
const deliveries = fc
  .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 4 }))
  .map(([n, count]) =>
    step(`deliver ${count} of ${'ab'[n >> 1]} to ${'ab'[n & 1]}`, async (all) => {
      const route = all.routes[n];
      if (route) await all.deliver(route, count);
    }),
  );
/** Users write while changes arrive. */
const together = fc
  .tuple(fc.array(writes, { minLength: 1, maxLength: 3 }), deliveries)
  .map(([written, delivery]) =>
    step(
      `[${[...written, delivery].map((each) => fc.stringify(each)).join(' | ')}]`,
      async (all) => {
        const write = async () => {
          for (const { act } of written) await act(all);
        };
        await Promise.all([write(), delivery.act(all)]);
      },
    ),
  );
const steps: fc.Arbitrary<Step> = fc.oneof(writes, deliveries, together);

let all: Masters;
beforeAll(async () => {
  all = await Masters.create(
    [newest, oldest],
    'create table t (id int primary key, email text unique, phone text unique, note text, big text)',
  );
});
afterAll(async () => await all.close());

test('every order of delivery ends with the same rows', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(steps, { minLength: 4, maxLength: 40, size: 'max' }),
      fc.array(deliveries, { maxLength: 12 }),
      async (history, rest) => {
        await all.empty('t');
        for (const { act } of [...history, ...rest]) await act(all);
        for (const route of all.routes) await all.deliver(route, Number.POSITIVE_INFINITY);
        const [a, b] = await all.rows('t');
        expect(b).toEqual(a);
      },
    ),
    { numRuns: 60 },
  );
}, 3_600_000);
