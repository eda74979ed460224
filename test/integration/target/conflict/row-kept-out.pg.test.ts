// A trigger of the target keeps a row out: it can neither be found nor inserted, which must not be tried for ever.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newest, oldest } from '../../../support/servers-for-tests.ts';
import { ApplierFixture, insert } from '../apply/applier-fixture.ts';

const contested = { sync: 's', log: 'off', windowMs: 0, pauses: false } as const;

describe.each([oldest, newest])('on PostgreSQL %s', (major) => {
  let fixture: ApplierFixture;

  beforeEach(async () => {
    fixture = await ApplierFixture.create(major, { contestedOf: () => contested });
  });

  afterEach(async () => await fixture.close());

  test('it is told', { timeout: 20_000 }, async () => {
    await fixture.onBoth('create table t (id int primary key, v text)');
    await fixture.target.query(`
      create function keep_out() returns trigger language plpgsql as 'begin return null; end';
      create trigger keep_out before insert on t for each row execute function keep_out();
      alter table t enable always trigger keep_out`);
    const t = await fixture.relation('t');
    await expect(fixture.apply([insert(t, '1', 'x')])).rejects.toMatchObject({
      code: 'SCHEMA_DRIFT',
    });
  });
});
