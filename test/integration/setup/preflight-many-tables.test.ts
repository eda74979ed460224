// Thousands of tables are asked about in no time, also before the server has statistics of its catalogs.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { preflight } from '../../../src/setup/preflight.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { majors, sharedServer } from '../../support/servers-for-tests.ts';
import { configOf } from './preflight-fixture.ts';

// What joined constraints or partitions table by table took 50 s for so many, of the 15 s that there are.
const count = 1_000;

describe.each(majors)('PostgreSQL %i', (major) => {
  let databases: TestDatabase[] = [];

  beforeAll(async () => {
    const server = await sharedServer(major);
    databases = await Promise.all(
      ['many tables a', 'many tables b'].map((name) => createDatabase(server, name)),
    );
    for (const database of databases)
      for (let first = 1; first <= count; first += 200)
        await database.query(`do $do$ begin for i in ${first}..${first + 199} loop
          execute format('create table t%1$s (id bigserial primary key, n int not null unique,
                                              parent bigint references t%2$s)', i, greatest(1, i - 1));
          end loop; end $do$`);
  }, 60_000);

  afterAll(async () => {
    for (const database of databases) await database.drop();
  });

  test('the one that is missing is found', { timeout: 60_000 }, async () => {
    const [a, b] = databases as [TestDatabase, TestDatabase];
    await b.query(`drop table t${count}`);
    const findings = await preflight(
      configOf({ a: { database: a, role: 'source' }, b: { database: b, role: 'target' } }),
    );
    expect(findings.filter(({ severity }) => severity !== 'notice')).toMatchObject([
      { check: 'table-missing', severity: 'error', database: 'b', table: `public.t${count}` },
    ]);
  });
});
