// A key that is equal and not the same: what is taken over from rows that the target had is spelled as on the source.
import { afterEach, expect, test } from 'vitest';
import { newest, oldest } from '../../../support/servers-for-tests.ts';
import { ApplierFixture, insert, rekey, remove, update } from './applier-fixture.ts';

let fixture: ApplierFixture;

afterEach(async () => await fixture.close());

test.each([oldest, newest])(
  'PostgreSQL %i: a row that exists is taken over with its key',
  async (major) => {
    fixture = await ApplierFixture.create(major);
    await fixture.onBoth('create table t (id numeric primary key, v text)');
    await fixture.target.query(`insert into t values (1.0, 'old')`);
    const t = await fixture.relation('t');
    await fixture.apply([insert(t, '1.00', 'new')]);
    expect(await fixture.rows('t')).toEqual(['(1.00,new)']);
  },
);

test.each([oldest, newest])(
  'PostgreSQL %i: spellings that follow each other in a batch',
  async (major) => {
    fixture = await ApplierFixture.create(major);
    await fixture.onBoth('create table t (id numeric primary key, v text)');
    const t = await fixture.relation('t');
    await fixture.apply([
      insert(t, '1.0', 'a'),
      rekey(t, ['1.0', null], '1.00', 'b'),
      update(t, '1.00', 'c'),
      remove(t, '1.00', null),
      insert(t, '1', 'd'),
      rekey(t, ['1', null], '2', 'e'),
      insert(t, '1.000', 'f'),
      remove(t, '1.000', null),
      insert(t, '1.0', 'g'),
    ]);
    expect(await fixture.rows('t')).toEqual(['(1.0,g)', '(2,e)']);
  },
);
