// The rows of a copy can hold more than what comes before the position from which changes count: a promotion of a
// source that lost some of it must not be passed.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatLsn, type Lsn } from '../../../src/model/lsn.ts';
import { originName } from '../../../src/postgres/object-names.ts';
import { reachedLsns } from '../../../src/postgres/reached-lsns.ts';
import { Session } from '../../../src/postgres/session.ts';
import { schemaStatements } from '../../../src/setup/schema.ts';
import { copyTable } from '../../../src/snapshot/copy-table.ts';
import { exportSnapshot } from '../../../src/snapshot/exported-snapshot.ts';
import { claimProgress } from '../../../src/target/progress/claim.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { holdLock, untilWaitingForLock } from '../../support/hold-lock.ts';
import { majors, sharedServer } from '../../support/servers-for-tests.ts';

const origins = ['a', 'b'].map((source) => originName(source, 'c'));

describe.each(majors)('PostgreSQL %i', (major) => {
  const databases = new Map<string, TestDatabase>();

  beforeEach(async () => {
    const server = await sharedServer(major);
    for (const name of ['a', 'c']) {
      const database = await createDatabase(server, `promotion ${name}`);
      databases.set(name, database);
      await database.query(`${schemaStatements.join(';\n')};
        insert into replicator.installation (schema_version, database, system_identifier, database_oid)
          values (1, '${name}', '1', 1);
        insert into replicator.ranks (database, rank) values ('a', 1), ('b', 2), ('c', 3);
        insert into replicator.progress (source, origin, lsn, timeline)
          values ('a', '${originName('a', name)}', '0/60', 1), ('b', '${originName('b', name)}', '0/60', 1);
        create table t (id int primary key)`);
    }
    for (const origin of origins)
      await on('c').query(`select pg_replication_origin_create('${origin}')`);
    await on('a').query(`insert into t values (1);
      insert into replicator.tables (source, table_schema, table_name, sync, copied_at, copied)
        values ('b', 'public', 't', 's', '0/60', false)`);
  });

  afterEach(async () => {
    for (const database of databases.values()) await database.drop();
    const server = await sharedServer(major);
    for (const origin of origins)
      await server.query('postgres', `select pg_replication_origin_drop('${origin}')`);
  });

  const on = (name: string) => databases.get(name) as TestDatabase;

  async function open(name: string): Promise<Session> {
    return await Session.connect(databaseConfig(on(name), { name }), { purpose: 'copy', name });
  }

  /**
   * Of a, which has read its own stream, and that of b, up to 0/60. Gives where its rows end. `between`: done on a
   * once the snapshot is taken.
   */
  async function copyToC(between = ''): Promise<Lsn> {
    await using source = await open('a');
    await using snapshot = await exportSnapshot(source, `promotion_${major}`);
    await on('a').query(between);
    await using target = await open('c');
    await target.query(`select pg_replication_origin_session_setup('${originName('a', 'c')}')`);
    await copyTable(
      { schema: 'public', name: 't' },
      {
        source,
        target,
        snapshot,
        reached: await reachedLsns(source),
        feeds: ['a', 'b'].map((name) => ({ source: name, sync: 's' })),
        contenders: ['a', 'b', 'c'],
        untilTargetRemembers: async () => {},
        onProgress: () => {},
      },
    );
    return snapshot.consistentLsn;
  }

  /** The source left its first timeline there. */
  async function promoted(source: string, left: Lsn): Promise<void> {
    await using session = await open('c');
    const lineage = { owners: new Map(), timeline: 2n, leftAt: async () => left };
    await claimProgress(session, { source, epoch: 0n, lineage });
  }

  const timelineOf = async (source: string) =>
    (
      await on('c').query('select timeline from replicator.progress where source = $1', [source])
    )[0]?.['timeline'];

  test('of the copied one, whose rows end behind what it has read of its own stream', async () => {
    const end = await copyToC();
    const [joined] = await on('c').query(
      `select copied_at::text as at from replicator.tables where source = 'a'`,
    );
    expect(joined).toEqual({ at: '0/60' });
    await expect(promoted('a', end - 1n)).rejects.toMatchObject({
      code: 'GAP',
      message: expect.stringContaining(`changes of it up to ${formatLsn(end)}, which it lost`),
    });
    expect(await timelineOf('a')).toBe('1');
    await promoted('a', end);
    expect(await timelineOf('a')).toBe('2');
  });

  test('of the copied one, of which more was remembered than its rows are', async () => {
    const end = await copyToC(`update replicator.progress set lsn = 'F/F' where source = 'a'`);
    await expect(promoted('a', end)).rejects.toMatchObject({ code: 'GAP' });
    await promoted('a', 0xf0000000fn);
  });

  test('of another one, of which the copied database had more by a copy than by its stream', async () => {
    await on('a').query(`update replicator.tables set copied = true, reached_lsn = '0/100'`);
    await copyToC();
    await expect(promoted('b', 0xffn)).rejects.toMatchObject({ code: 'GAP' });
    await promoted('b', 0x100n);
  });

  test.each(['a', 'b'])('of %s, which only one of both has followed yet', async (source) => {
    await promoted(source, 0x60n);
    await expect(copyToC()).rejects.toMatchObject({ code: 'SERVER_BUSY' });
    expect(await on('c').query('select from t')).toEqual([]);
  });

  test('of another one, which the target follows while it is filled', async () => {
    // Without an id yet: the snapshot waits for transactions that have one.
    const claim = await holdLock(on('c'), 'lock table replicator.tables in share mode');
    const copy = expect(copyToC()).rejects.toMatchObject({ code: 'SERVER_BUSY' });
    await untilWaitingForLock(on('c'));
    await on('c').query(`update replicator.progress set timeline = 2 where source = 'b'`);
    await claim.commit();
    await copy;
    expect(await on('c').query('select from t')).toEqual([]);
  });

  test('of another one, while a copy that holds more of it commits', async () => {
    const copy = await holdLock(
      on('c'),
      `insert into replicator.tables
         (source, table_schema, table_name, sync, copied_at, copied, reached_lsn)
       values ('b', 'public', 't', 's', '0/60', true, '0/100')`,
    );
    const claim = expect(promoted('b', 0xffn)).rejects.toMatchObject({ code: 'GAP' });
    await untilWaitingForLock(on('c'));
    await copy.commit();
    await claim;
    expect(await timelineOf('b')).toBe('1');
  });
});
