// A copied row must lose against whatever its original would lose against, and against nothing else.
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rowKeyHash } from '../../../src/postgres/key-hash.ts';
import { Session } from '../../../src/postgres/session.ts';
import { schemaStatements } from '../../../src/setup/schema.ts';
import { copyTable } from '../../../src/snapshot/copy-table.ts';
import { exportSnapshot } from '../../../src/snapshot/exported-snapshot.ts';
import { followTables } from '../../../src/snapshot/follow-tables.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { newest, oldest, sharedServer } from '../../support/servers-for-tests.ts';

describe.each([oldest, newest])('on PostgreSQL %s', (major) => {
  const databases = new Map<string, TestDatabase>();

  beforeEach(async () => {
    const server = await sharedServer(major);
    for (const name of ['a', 'b']) {
      const database = await createDatabase(server, `versions ${name}`);
      databases.set(name, database);
      await database.query(`${schemaStatements.join(';\n')};
        insert into replicator.installation (schema_version, database, system_identifier, database_oid)
          values (1, '${name}', '1', 1);
        insert into replicator.ranks (database, rank) values ('a', 1), ('b', 2), ('c', 3);
        create table t (id numeric primary key, v text)`);
    }
  });

  afterEach(async () => {
    for (const database of databases.values()) await database.drop();
    const server = await sharedServer(major);
    await server.query('postgres', `select pg_replication_origin_drop('replicator_a__b')`);
  });

  const hashOfId = rowKeyHash([
    {
      quoted: 'id',
      castType: 'numeric',
      hash: 'pg_catalog.hash_numeric_extended',
      collation: null,
    },
  ]);
  const versions = async (name: string) =>
    await databases.get(name)?.query(
      `select t.id, v.commit_time > '-infinity' and v.commit_time > '2001-01-01' as known, v.rank
       from t, lateral replicator.version_of(t.xmin, 't'::regclass, ${hashOfId}) v
       order by 1`,
    );

  const config = (name: string) => databaseConfig(databases.get(name) as TestDatabase, { name });

  /** `between`: done on the source once the snapshot is taken. */
  async function copy(between = ''): Promise<void> {
    await using source = await Session.connect(config('a'), { purpose: 'copy', name: 'a' });
    await using snapshot = await exportSnapshot(source, `copy_versions_${major}`);
    await using target = await Session.connect(config('b'), { purpose: 'copy', name: 'b' });
    await target.query(`select pg_replication_origin_create('replicator_a__b');
      select pg_replication_origin_session_setup('replicator_a__b');
      insert into replicator.progress (source, origin, lsn) values ('a', 'replicator_a__b', '0/1')`);
    await databases.get('a')?.query(between);
    await copyTable(
      { schema: 'public', name: 't' },
      {
        source,
        target,
        snapshot,
        reached: new Map(),
        feeds: ['a', 'c'].map((name) => ({ source: name, sync: 's' })),
        contenders: ['a', 'c', 'b'],
        untilTargetRemembers: async () => {},
        onProgress: () => {},
      },
    );
  }

  const progress = (name: string, source: string, seen: string) =>
    databases.get(name)?.query(
      `insert into replicator.progress (source, origin, lsn, seen_time)
       values ('${source}', 'x_${source}', '0/1', ${seen})`,
    );

  test('what a change could still meet keeps its version, the rest is older than all', async () => {
    const a = databases.get('a') as TestDatabase;
    await a.query('insert into t values (1.0), (2)');
    await progress('a', 'c', 'now()');
    await progress('b', 'b', 'now()');
    await copy();
    expect(await versions('b')).toEqual(await versions('a'));
    expect(await versions('b')).toMatchObject([{ known: 't', rank: '1' }, { known: 't' }]);
    const exact = `select v.commit_time::text as at from t, lateral replicator.version_of(t.xmin,
      't'::regclass, ${hashOfId}) v where id = 1`;
    expect(await databases.get('b')?.query(exact)).toEqual(await a.query(exact));
  });

  test('a version is found without reading those of all other rows', async () => {
    await databases.get('a')?.query('insert into t select generate_series(1, 20000)');
    await progress('a', 'c', 'now()');
    await progress('b', 'b', 'now()');
    await copy();
    const looks = `from t, lateral replicator.version_of(t.xmin, 't'::regclass, ${hashOfId}) v
      where id <= 100 and v.commit_time > '2001-01-01'`;
    const b = databases.get('b') as TestDatabase;
    expect(await b.query(`select count(*) ${looks}`)).toEqual([{ count: '100' }]);
    const [explained] = await b.query(`explain (analyze, buffers, format json) select ${looks}`);
    const [{ Plan: plan }] = JSON.parse(explained?.['QUERY PLAN'] ?? '');
    const blocks = plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
    expect(blocks / 100).toBeLessThan(30);
  });

  test('after all that could come was seen, rows are older than everything', async () => {
    await databases.get('a')?.query('insert into t values (1)');
    await progress('a', 'c', "now() + interval '1 h'");
    await progress('b', 'b', "now() + interval '1 h'");
    await copy();
    expect(await versions('b')).toMatchObject([{ known: 'f' }]);
    expect(await databases.get('b')?.query('select from replicator.manifests')).toEqual([]);
  });

  test('a table that is written anew since the snapshot is not taken for an empty one', async () => {
    await databases.get('a')?.query('insert into t values (1)');
    await expect(copy('alter table t alter id type bigint')).rejects.toMatchObject({
      code: 'SERVER_BUSY',
    });
    expect(await databases.get('b')?.query('select from replicator.tables')).toEqual([]);
  });

  test('a column that the target fills by itself is not copied', async () => {
    await databases.get('a')?.query(`insert into t values (1, 'of a')`);
    await databases.get('b')?.query(`
      alter table t drop v, add v text generated always as ('of b') stored`);
    await copy();
    expect(await databases.get('b')?.query('select * from t')).toEqual([{ id: '1', v: 'of b' }]);
  });

  test('what a source has passed by since another one was copied is not taken for complete', async () => {
    await progress('a', 'c', 'now()');
    await databases.get('a')?.query(`update replicator.progress set lsn = '0/100';
      insert into replicator.tables (source, table_schema, table_name, sync, copied_at, copied)
        values ('c', 'public', 't', 's', '0/1', false)`);
    await copy();
    const ofC = { ...config('a'), name: 'c' };
    await using source = await Session.connect(ofC, { purpose: 'copy', name: 'c' });
    await using target = await Session.connect(config('b'), { purpose: 'copy', name: 'b' });
    const wanted = new Map([['public.t', true]]);
    const parties = { source, target, wanted, log: pino({ level: 'silent' }) };
    expect([...(await followTables('c:b', { ...parties, progress: 0x100n }))]).toEqual([]);
    expect([...(await followTables('c:b', { ...parties, progress: 0x101n }))]).toEqual([
      ['public.t', false],
    ]);
  });
});
