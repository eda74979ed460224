// A row can be seen before its commit is on disk. Nobody may learn of it who would remember it longer than its
// source does.
import { afterEach, expect, test } from 'vitest';
import { schemaStatements } from '../../../../src/setup/schema.ts';
import { fetchFrom } from '../../../../src/target/apply/fetch-rows.ts';
import { createDatabase } from '../../../support/database.ts';
import { databaseConfig } from '../../../support/database-config.ts';
import { relationOf, targetTableOf } from '../../../support/model-values.ts';
import { type PostgresServer, startServer } from '../../../support/postgres-server.ts';
import { majors } from '../../../support/servers-for-tests.ts';

let server: PostgresServer | undefined;

afterEach(async () => await server?.remove());

test.each(majors)('%i: what was fetched outlives a crash of its source', async (major) => {
  server = await startServer({ major, settings: { wal_writer_delay: '10s' } });
  const source = await createDatabase(server, 'fetched is flushed');
  const [row] = await source.query(`${schemaStatements.join(';\n')};
    create table t (id text primary key, v text);
    insert into t values ('1', 'before'), ('2', 'deleted');
    select txid_current()::text as xid, 't'::regclass::oid::text as oid`);
  const table = targetTableOf(relationOf('t', ['id*', 'v'], Number(row?.['oid'])));
  await source.query(`set synchronous_commit = off;
    update t set v = 'after' where id = '1'; delete from t where id = '2'`);
  const fetchRows = fetchFrom(databaseConfig(source))([Number(row?.['xid'])]);
  expect(await fetchRows(table, [['1'], ['2']])).toEqual([['1', 'after'], undefined]);
  await server.kill();
  await server.start();
  expect(await source.query('select v from t')).toEqual([{ v: 'after' }]);
});
