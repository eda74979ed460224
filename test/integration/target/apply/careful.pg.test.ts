// Where some rows of a batch are not as expected, all the others still go as sets, and all end as if each change
// had been applied by itself.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { batchOf } from '../../../../src/model/batch.ts';
import type { Change } from '../../../../src/model/change.ts';
import type { Relation } from '../../../../src/model/relation.ts';
import { transactionOf } from '../../../support/model-values.ts';
import { newest, oldest } from '../../../support/servers-for-tests.ts';
import { ApplierFixture, insert, rekey, remove, update } from './applier-fixture.ts';

const many = 2_000;
const ids = Array.from({ length: many }, (_, i) => String(i + 1));

describe.each([oldest, newest])('on PostgreSQL %s', (major) => {
  let fixture: ApplierFixture;
  let t: Relation;

  async function create(options: Parameters<typeof ApplierFixture.create>[1] = {}) {
    fixture = await ApplierFixture.create(major, options);
    await fixture.onBoth('create table t (id int primary key, email text unique, n int)');
    t = await fixture.relation('t');
  }

  /** How often the server is asked meanwhile. */
  async function roundTrips(work: () => Promise<void>): Promise<number> {
    const group = vi.spyOn(fixture.applier.session, 'group');
    await work();
    return group.mock.calls.length;
  }

  /** Each change as a transaction of its own, all in one batch. */
  async function applyTogether(changes: readonly Change[], commitTime = 0n): Promise<void> {
    const from = fixture.applier.progress;
    const transactions = changes.map((change, i) => {
      const { transaction, ...rest } = transactionOf(from + BigInt(i + 1) * 0x10n, [change]);
      return { ...rest, transaction: { ...transaction, xid: 3, commitTime } };
    });
    await fixture.applier.apply(batchOf(transactions));
  }

  describe('where one database writes', () => {
    beforeEach(async () => {
      await create();
      await fixture.target.query(
        `insert into t select i, 'of ' || i, 0 from generate_series(1, ${many}) i`,
      );
    });

    afterEach(async () => await fixture.close());

    const updates = () => ids.map((id) => update(t, id, `of ${id}`, '1'));
    const expectUpdated = async () => {
      const [row] = await fixture.target.query(
        `select count(*) as rows, sum(n) as n, count(*) filter (where email = 'of ' || id) as whole from t`,
      );
      expect(row).toEqual({ rows: String(many), n: String(many), whole: String(many) });
    };

    test.each([
      ['a transaction', async (changes: Change[]) => await fixture.apply(changes)],
      ['a batch', async (changes: Change[]) => await applyTogether(changes)],
    ])('two rows of %s that are missing cost no round trip for each other', async (_, apply) => {
      await fixture.target.query('delete from t where id in (2, 1500)');
      expect(await roundTrips(async () => await apply(updates()))).toBeLessThan(150);
      await expectUpdated();
      expect(fixture.conflicts).toEqual(
        expect.arrayContaining([expect.objectContaining({ update_missing: expect.any(Number) })]),
      );
      const missing = fixture.conflicts.reduce((n, each) => n + (each.update_missing ?? 0), 0);
      expect(missing).toBe(2);
    });

    test('of a transaction in parts only the part with a row that is missing is divided', async () => {
      await fixture.target.query('delete from t where id = 1500');
      const { transaction } = transactionOf(0x2000n, []);
      const applyPart = async (changes: Change[], first: boolean) => {
        const part = transactionOf(0x2000n, changes, {
          first,
          transaction: { ...transaction, xid: 3 },
        });
        await fixture.applier.applyPart(first ? { ...part, endLsn: undefined } : part, 'careful');
      };
      const untroubled = async () => await applyPart(updates().slice(0, 1_000), true);
      expect(await roundTrips(untroubled)).toBeLessThan(10);
      const troubled = async () => await applyPart(updates().slice(1_000), false);
      expect(await roundTrips(troubled)).toBeLessThan(80);
      await expectUpdated();
    });

    test('what is not there to be deleted, or there already, is counted as often', async () => {
      await fixture.target.query('delete from t where id in (7, 8, 9)');
      await fixture.apply([
        ...ids.slice(0, 20).map((id) => remove(t, id, null, null)),
        ...ids.slice(20).map((id) => update(t, id, `of ${id}`, '1')),
        // makes it go with care
        update(t, '5000', 'missing', '1'),
        ...ids.slice(1_000, 1_010).map((id) => insert(t, id, `of ${id}`, '2')),
      ]);
      expect(fixture.conflicts).toEqual([
        { delete_missing: 3, update_missing: 1, insert_exists: 10 },
      ]);
      const [row] = await fixture.target.query('select count(*) as rows, sum(n) as n from t');
      expect(row).toEqual({ rows: String(many - 20 + 1), n: String(many - 20 + 1 + 10) });
    });

    test('what is refused leaves what was before it, and can go on there', async () => {
      await fixture.target.query(`delete from t where id = 3; alter table t add check (n < 2)`);
      const changes = [...updates(), insert(t, '9000', 'refused', '2')];
      await expect(applyTogether(changes)).rejects.toMatchObject({ code: 'DATA_REJECTED' });
      const { progress } = fixture.applier;
      await fixture.applier.close();
      await fixture.connect();
      expect(fixture.applier.progress).toBe(progress);
      const [row] = await fixture.target.query('select sum(n) as n from t');
      const done = Number(row?.['n']);
      expect(done).toBeGreaterThan(many / 2);
      expect(progress).toBe(0x1000n + BigInt(done) * 0x10n + 10n);
      await fixture.target.query('alter table t drop constraint t_n_check');
      await applyTogether(changes.slice(done));
      await fixture.target.query('delete from t where id = 9000');
      await expectUpdated();
    });

    test.each([
      ['a value of another row', 'UNIQUE_VIOLATION', () => insert(t, '9000', 'of 1', '1')],
      ['a check', 'DATA_REJECTED', () => insert(t, '9000', 'refused', '2')],
      ['NOT NULL', 'DATA_REJECTED', () => insert(t, '9000', 'refused', null)],
      ['a type', 'DATA_REJECTED', () => insert(t, '9000', 'refused', 'x')],
    ])(
      'inside a divided batch %s refuses for good once its tables are described anew',
      async (_, code, refused) => {
        await fixture.target.query(`delete from t where id = 3;
        alter table t add check (n < 2), alter n set not null`);
        const changes = () => [...updates().slice(0, 40), refused(), ...updates().slice(40, 80)];
        await fixture.apply([update(t, '2000', 'of 2000', '0')]);
        await expect(applyTogether(changes())).rejects.toMatchObject({ code: 'BATCH_REFUSED' });
        await fixture.target.query('delete from t where id = 3');
        await fixture.applier.close();
        await fixture.connect();
        await expect(applyTogether(changes())).rejects.toMatchObject({ code });
      },
    );
  });

  describe('where several databases write', () => {
    beforeEach(async () => {
      await create({
        contestedOf: () => ({ sync: 's', log: 'full', windowMs: 0, pauses: false }),
      });
      await fixture.openOwn();
    });

    afterEach(async () => await fixture.close());

    /** A commit time that is greater than that of all rows here. */
    const later = async () => {
      const [now] = await fixture.target.query(
        `select ((extract(epoch from clock_timestamp()) - 946684800) * 1000000)::bigint as at`,
      );
      return BigInt(now?.['at'] ?? 0) + 1_000n;
    };
    const inserts = () => ids.map((id) => insert(t, id, `of ${id}`, '1'));

    test('a row of a transaction that exists costs no round trip for each other', async () => {
      await fixture.target.query(`insert into t values (1234, 'here', 0)`);
      const commitTime = await later();
      const applied = async () => await fixture.apply(inserts(), { commitTime });
      expect(await roundTrips(applied)).toBeLessThan(20);
      const [row] = await fixture.target.query('select count(*) as rows, sum(n) as n from t');
      expect(row).toEqual({ rows: String(many), n: String(many) });
    });

    test('where dividing was in vain, batches are divided again once a large one went in steps', async () => {
      await fixture.onBoth('create table u (id int primary key)');
      const u = await fixture.relation('u');
      /** Whether a batch with a single value that another row has is divided. */
      const isDivided = async () => {
        await fixture.target.query(`delete from t; insert into t values (0, 'of 30', 0)`);
        await applyTogether(inserts().slice(0, 40), await later());
        const [row] = await fixture.target.query('select count(distinct xmin::text) as n from t');
        return row?.['n'] !== '1';
      };
      await fixture.target.query(`
        insert into u select generate_series(1, 100);
        insert into t select -i, 'of ' || i, 0 from generate_series(1, 40) i`);
      await applyTogether(inserts().slice(0, 40), await later());
      expect(await isDivided()).toBe(false);
      // What is older than the rows here is looked at, but behind the sets.
      const older = ids.slice(0, 100).map((id) => remove(u, id));
      await fixture.apply(older, { endLsn: fixture.applier.progress + 0x100n });
      expect(await isDivided()).toBe(true);
    });

    test('a value that two rows take costs no round trip for each other row', async () => {
      await fixture.target.query(`insert into t values (0, 'of 1234', 0)`);
      const time = await later();
      const applied = async () => await applyTogether(inserts(), time);
      expect(await roundTrips(applied)).toBeLessThan(150);
      const [row] = await fixture.target.query('select count(*) as rows, sum(n) as n from t');
      expect(row).toEqual({ rows: String(many), n: String(many) });
      expect(await fixture.target.query('select count from replicator.conflict_counts')).toEqual([
        { count: '1' },
      ]);
    });
  });
});

describe('however a transaction is divided', () => {
  const keys = fc.integer({ min: 1, max: 60 });
  const steps = fc.array(
    fc.record({
      kind: fc.constantFrom('put', 'put', 'put', 'move', 'remove'),
      key: keys,
      to: keys,
    }),
    { minLength: 30, maxLength: 150 },
  );

  test('it ends as when each change is applied by itself', async () => {
    const fixture = await ApplierFixture.create(newest);
    try {
      await fixture.onBoth('create table t (id int primary key, v text)');
      const t = await fixture.relation('t');
      let compared = 0;
      const there = fc.array(fc.record({ key: keys, gone: fc.boolean() }), { maxLength: 8 });
      await fc.assert(
        fc.asyncProperty(steps, there, async (wanted, troubles) => {
          const changes = changesOf(t, wanted);
          const begin = [
            `truncate t; insert into t select i, 'first' from generate_series(1, 30) i`,
            ...troubles.map(({ key, gone }) =>
              gone
                ? `delete from t where id = ${key}`
                : `insert into t values (${key}, 'own') on conflict (id) do update set v = 'own'`,
            ),
          ].join(';\n');
          await fixture.target.query(begin);
          const whole = await outcomeOf(fixture, async () => await fixture.apply(changes));
          await fixture.target.query(begin);
          const single = await outcomeOf(fixture, async () => {
            for (const change of changes) await fixture.apply([change]);
          });
          const ended = [whole, single];
          // Where a key is moved to one that is taken, the order in which that is seen may differ.
          if (ended.includes('refused')) return;
          compared += 1;
          expect(ended[0]).toEqual(ended[1]);
        }),
        { numRuns: 40 },
      );
      expect(compared).toBeGreaterThan(10);
    } finally {
      await fixture.close();
    }
  });

  /** What a source that has the keys 1 to 30 could have done. */
  function changesOf(
    t: Relation,
    steps: readonly { kind: string; key: number; to: number }[],
  ): Change[] {
    const present = new Set(Array.from({ length: 30 }, (_, i) => i + 1));
    return steps.flatMap(({ kind, key, to }, i): Change[] => {
      const [id, v] = [String(key), `step ${i}`];
      if (kind === 'put' && !present.has(key)) {
        present.add(key);
        return [insert(t, id, v)];
      }
      if (!present.has(key)) return [];
      if (kind === 'put') return [update(t, id, v)];
      if (kind === 'move' && present.has(to)) return [];
      present.delete(key);
      if (kind === 'remove') return [remove(t, id, null)];
      present.add(to);
      return [rekey(t, [id, null], String(to), v)];
    });
  }

  async function outcomeOf(fixture: ApplierFixture, work: () => Promise<void>) {
    try {
      await work();
    } catch (error) {
      expect((error as Error).message).toContain('SQLSTATE 23505');
      await fixture.applier.close();
      await fixture.connect();
      return 'refused';
    }
    return await fixture.rows('t');
  }
});
