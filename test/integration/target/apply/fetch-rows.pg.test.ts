import pg from 'pg';
import { expect, test } from 'vitest';
import { unchanged } from '../../../../src/model/tuple.ts';
import { schemaStatements } from '../../../../src/setup/schema.ts';
import { fetchFrom } from '../../../../src/target/apply/fetch-rows.ts';
import { createDatabase, type TestDatabase } from '../../../support/database.ts';
import { databaseConfig } from '../../../support/database-config.ts';
import { eventually } from '../../../support/eventually.ts';
import { relationOf, targetTableOf } from '../../../support/model-values.ts';
import type { Major } from '../../../support/postgres-binaries.ts';
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

/** With a table `t` of the rows (1, one) and (2, two). */
async function withSource(
  major: Major,
  create: string,
  work: (source: TestDatabase, fetch: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const source = await createDatabase(await sharedServer(major), 'fetch rows');
  try {
    await source.query(
      `${schemaStatements.join(';\n')}; ${create}; insert into t values ('1', 'one'), ('2', 'two')`,
    );
    const [row] = await source.query(`select 't'::regclass::oid::text as oid`);
    const table = targetTableOf(relationOf('t', ['id*', 'v'], Number(row?.['oid'])));
    await work(
      source,
      async () => await fetchFrom(databaseConfig(source))([])(table, [['1'], ['3']]),
    );
  } finally {
    await source.drop();
  }
}

const plain = 'create table t (id text primary key, v text)';
const partitioned = `create table t (id text primary key, v text) partition by hash (id);
  create table t_0 partition of t for values with (modulus 2, remainder 0);
  create table t_1 partition of t for values with (modulus 2, remainder 1)`;
const swap = `alter table t rename to t_old; create table t (id text primary key, v text);
  insert into t values ('1', 'of another'), ('3', 'of another')`;

test.each(
  majors.flatMap((major) => [
    { major, kind: 'a plain', create: plain },
    { major, kind: 'a partitioned', create: partitioned },
  ]),
)('$major: $kind table is read under the name that it has now', async ({ major, create }) => {
  await withSource(major, create, async (source, fetch) => {
    await source.query(swap);
    expect(await fetch()).toEqual([['1', 'one'], undefined]);
    await source.query('create schema s; alter table t_old set schema s');
    expect(await fetch()).toEqual([['1', 'one'], undefined]);
    await source.query('alter table s.t_old drop column v');
    expect(await fetch()).toEqual([['1', unchanged], undefined]);
    await source.query('drop table s.t_old');
    await expect(fetch()).rejects.toMatchObject({ code: 'SCHEMA_DRIFT' });
  });
});

test.each(majors)('%i: a table that is swapped while it is read is read again', async (major) => {
  await withSource(major, plain, async (source, fetch) => {
    const user = new pg.Client({ connectionString: source.url, application_name: 'test' });
    await user.connect();
    try {
      await user.query('begin');
      await user.query(swap);
      const fetched = expect(fetch()).rejects.toMatchObject({ code: 'BATCH_REFUSED' });
      await eventually(
        async () => {
          const waiting = await source.query(
            `select from pg_stat_activity where datname = current_database()
             and application_name like '%/fetch' and wait_event_type = 'Lock'`,
          );
          expect(waiting).toHaveLength(1);
        },
        { what: 'the SELECT that waits for the table' },
      );
      await user.query('commit');
      await fetched;
    } finally {
      await user.end();
    }
    expect(await fetch()).toEqual([['1', 'one'], undefined]);
  });
});
