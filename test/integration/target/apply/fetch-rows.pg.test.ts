import pg from 'pg';
import { expect, test } from 'vitest';
import { schemaStatements } from '../../../../src/setup/schema.ts';
import { fetchFrom } from '../../../../src/target/apply/fetch-rows.ts';
import { createDatabase } from '../../../support/database.ts';
import { databaseConfig } from '../../../support/database-config.ts';
import { relationOf, targetTableOf } from '../../../support/model-values.ts';
import { majors, sharedServer } from '../../../support/servers-for-tests.ts';

// Between its commit record, which the stream carries on, and the end of its transaction a row is in
// the stream and not to be seen: here that moment is held.
test.each(majors)(
  '%i: a row of a transaction that is not visible yet is not gone',
  async (major) => {
    const source = await createDatabase(await sharedServer(major), 'fetch rows');
    const user = new pg.Client({ connectionString: source.url, application_name: 'test' });
    await user.connect();
    try {
      await source.query(
        `${schemaStatements.join(';\n')}; create table t (id text primary key, v text)`,
      );
      await user.query('begin');
      await user.query(`insert into t values ('1', 'large')`);
      const { rows } = await user.query(
        `select (txid_current() & 4294967295)::text as xid, 't'::regclass::oid::text as oid`,
      );
      const table = targetTableOf(relationOf('t', ['id*', 'v'], Number(rows[0].oid)));
      const fetched = fetchFrom(databaseConfig(source))([Number(rows[0].xid)])(table, [
        ['1'],
        ['2'],
      ]);
      await new Promise((resolve) => setTimeout(resolve, 100));
      await user.query('commit');
      expect(await fetched).toEqual([['1', 'large'], undefined]);
    } finally {
      await user.end();
      await source.drop();
    }
  },
);
