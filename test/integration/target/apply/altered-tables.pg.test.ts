// What is believed of a target's tables must still hold when a batch commits: a table that somebody
// altered meanwhile is described anew, before anything is written as it should not be.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Relation } from '../../../../src/model/relation.ts';
import { eventually } from '../../../support/eventually.ts';
import { majors } from '../../../support/servers-for-tests.ts';
import { ApplierFixture, insert, update } from './applier-fixture.ts';

describe.each(majors)('PostgreSQL %i', (major) => {
  let fixture: ApplierFixture;
  let t: Relation;

  beforeAll(async () => {
    fixture = await ApplierFixture.create(major);
  }, 30_000);

  afterEach(async () => {
    await reconnect();
    await fixture.onBoth('drop table if exists t, renamed');
  });

  afterAll(async () => {
    await fixture.close();
  });

  async function reconnect(): Promise<void> {
    await fixture.applier.close();
    await eventually(() => fixture.connect());
  }

  /** Described and written to once; then altered on the target. */
  async function altered(ddl: string): Promise<void> {
    await fixture.onBoth('create table t (id int primary key, v numeric(10,2), w text)');
    t = await fixture.relation('t');
    await fixture.apply([insert(t, '1', '1.55', 'w')]);
    await fixture.target.query(ddl);
  }

  const refused = [
    {
      what: 'a column of less precision would round',
      ddl: 'alter table t alter v type numeric(10,1)',
      error: {
        code: 'SCHEMA_DRIFT',
        message: 'b: public.t, column v is numeric(10,1), on the source it is numeric(10,2)',
        hint: 'alter table public.t alter column "v" type numeric(10,2)',
      },
    },
    {
      what: 'a column of another type would round',
      ddl: 'alter table t alter v type int',
      error: {
        code: 'SCHEMA_DRIFT',
        hint: 'alter table public.t alter column "v" type numeric(10,2)',
      },
    },
    {
      what: 'a column was dropped',
      ddl: 'alter table t drop v',
      error: {
        message: 'b: public.t has no column v',
        hint: 'alter table public.t add column "v" numeric(10,2)',
      },
    },
    {
      what: 'a column was renamed',
      ddl: 'alter table t rename w to now',
      error: {
        message: 'b: public.t has no column w',
        hint: 'alter table public.t add column "w" text; or, if it was renamed there: alter table public.t rename column "now" to "w"',
      },
    },
    {
      what: 'the table was renamed',
      ddl: 'alter table t rename to renamed',
      error: { message: 'b: table public.t does not exist' },
    },
    {
      what: 'another table got its name',
      ddl: 'alter table t rename to renamed; create table t (id int primary key, v int, w text)',
      error: {
        message: 'b: public.t, column v is integer, on the source it is numeric(10,2)',
      },
    },
    {
      what: 'the table was dropped',
      ddl: 'drop table t',
      error: { message: 'b: table public.t does not exist' },
    },
  ];

  test.each(refused)('$what', async ({ ddl, error }) => {
    await altered(ddl);
    const changes = [insert(t, '2', '2.55', 'w'), update(t, '1', '3.55', 'w')];
    await expect(fixture.apply(changes)).rejects.toMatchObject({ code: 'BATCH_REFUSED' });
    await reconnect();
    await expect(fixture.apply(changes)).rejects.toMatchObject(error);
  });

  const goesOn = [
    { what: 'a wider type', ddl: 'alter table t alter v type numeric' },
    {
      what: 'more columns',
      ddl: `alter table t add x text not null default 'x', drop w, add w text`,
    },
    {
      what: 'a generated column',
      ddl: 'alter table t drop v, add v numeric generated always as (id) stored',
    },
    {
      what: 'another table with its name and columns',
      ddl: `alter table t rename to renamed;
        create table t (id int primary key, v numeric(10,2), w text); insert into t values (1)`,
    },
    {
      what: 'a unique index',
      ddl: 'create unique index on t (w, id)',
    },
    {
      what: 'an identity',
      ddl: 'alter table t alter id add generated always as identity',
    },
  ];

  test.each(goesOn)('$what: applied once it is described anew', async ({ ddl }) => {
    await altered(ddl);
    const changes = [insert(t, '2', '2.55', 'w')];
    await expect(fixture.apply(changes)).rejects.toMatchObject({ code: 'BATCH_REFUSED' });
    await reconnect();
    await fixture.apply(changes);
    expect(await fixture.target.query('select id from t order by id')).toHaveLength(2);
  });

  test('no unique index by which rows were found: what is inserted does not need it', async () => {
    await altered('alter table t drop constraint t_pkey');
    await fixture.apply([insert(t, '2', '2.55', 'w')]);
    expect(await fixture.target.query('select id from t order by id')).toHaveLength(2);
  });

  test('what does not matter to values is not even noticed', async () => {
    await altered(`alter table t alter w set statistics 10, alter w set default 'x'; analyze t;
      create index on t (w); grant select on t to public; comment on table t is 'x'`);
    await fixture.apply([insert(t, '2', '2.55', 'w')]);
    await fixture.apply([
      { kind: 'truncate', relations: [t], cascade: false, restartIdentity: false },
    ]);
    await fixture.apply([insert(t, '2', '2.55', 'w')]);
    expect(await fixture.rows('t')).toEqual(['(2,2.55,w)']);
  });

  test('a table that is altered while a batch is written waits for it, or is noticed', async () => {
    await altered('select 1');
    const rows = Array.from({ length: 3_000 }, (_, i) => insert(t, String(i + 10), '1.55', 'w'));
    const [applied] = await Promise.allSettled([
      fixture.apply(rows),
      fixture.target.query('alter table t alter v type numeric(10,1)'),
    ]);
    if (applied.status === 'rejected')
      expect(applied.reason).toMatchObject({ code: 'BATCH_REFUSED' });
    // the alter rounds what was there; what came after it would have been rounded unseen
    const [row] = await fixture.target.query('select count(*) from t where id >= 10');
    expect(row?.['count']).toBe(applied.status === 'rejected' ? '0' : '3000');
  });
});
