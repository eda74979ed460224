// What targets say of conflicts, and of deletes that they cannot forget.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Config, SyncConfig } from '../../../src/config/config.ts';
import { readStatus } from '../../../src/observability/read-status.ts';
import { schemaStatements } from '../../../src/setup/schema.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { majors, sharedServer } from '../../support/servers-for-tests.ts';
import { configOf } from '../setup/preflight-fixture.ts';

describe.each(majors)('PostgreSQL %i', (major) => {
  let a: TestDatabase;
  let b: TestDatabase;
  let config: Config;

  beforeAll(async () => {
    const server = await sharedServer(major);
    a = await createDatabase(server, 'status a');
    b = await createDatabase(server, 'status b');
    for (const database of [a, b]) await database.query(schemaStatements.join(';\n'));
    config = configOf({
      a: { database: a, role: 'source' },
      b: { database: b, role: 'source' },
    });
    await b.query(`insert into replicator.progress (source, origin, lsn, seen_time)
      values ('a', 'a', '0/1', now()), ('b', 'b', '0/1', now())`);
  }, 30_000);

  afterAll(async () => {
    await a.drop();
    await b.drop();
  });

  test('conflicts by type and resolution', async () => {
    await b.query(`insert into replicator.conflict_counts values
      ('a', 'update_origin_differs', 'keep_local', 3), ('a', 'insert_exists', 'apply_remote', 1)`);
    const { subscriptions } = await readStatus(config);
    expect(subscriptions.map(({ conflictCounts }) => conflictCounts)).toEqual([
      [
        { type: 'insert_exists', resolution: 'apply_remote', count: 1 },
        { type: 'update_origin_differs', resolution: 'keep_local', count: 3 },
      ],
      [],
    ]);
  });

  test('who keeps deletes from being forgotten', async () => {
    const held = async () => (await readStatus(config)).heldDeletes;
    await b.query(`update replicator.progress set seen_time = now() - interval '1 h'`);
    expect(await held()).toEqual([]);
    await b.query(`insert into replicator.tombstones values
      (1, 1, '2026-01-01 00:00:01+00', 1), (1, 2, '2026-01-01 00:00:00+00', 1)`);
    const since = '2026-01-01 00:00:00+00';
    expect(await held()).toEqual([{ database: 'b', since, missing: ['a', 'b'] }]);
    await b.query(`update replicator.progress set seen_time = now() where source = 'b'`);
    expect(await held()).toEqual([{ database: 'b', since, missing: ['a'] }]);
    await b.query(`update replicator.progress set seen_time = null where source = 'b'`);
    expect(await held()).toEqual([{ database: 'b', since, missing: ['a', 'b'] }]);
    await b.query('update replicator.progress set seen_time = now()');
    expect(await held()).toEqual([]);
  });

  test('an own stream is told where it stands still, and only there', async () => {
    const named = async () =>
      (await readStatus(config)).subscriptions.map(({ subscription }) => subscription);
    await a.query(`insert into replicator.subscriptions (target, system_identifier, database_oid, state)
      values ('a', '1', 1, 'streaming')`);
    expect(await named()).toEqual(['a:b', 'b:a']);
    await a.query(`update replicator.subscriptions
      set state = 'failed', error_code = 'BATCH_REFUSED', error_message = 'why', error_hint = 'do'`);
    const { subscriptions, healthy } = await readStatus(config);
    await a.query('delete from replicator.subscriptions');
    expect(healthy).toBe(false);
    expect(subscriptions[2]).toMatchObject({
      subscription: 'a:a',
      state: 'failed',
      healthy: false,
      waitingTables: [],
      lastError: { code: 'BATCH_REFUSED', message: 'why', hint: 'do' },
    });
  });

  test('a database that answers and does not tell is not called unreachable', async () => {
    await b.query('alter table replicator.progress rename column seen_time to seen');
    const { databases, subscriptions } = await readStatus(config);
    await b.query('alter table replicator.progress rename column seen to seen_time');
    const error = expect.stringContaining('column "seen_time" does not exist');
    expect(databases).toEqual([
      { database: 'a', reachable: true, code: null, error: null },
      { database: 'b', reachable: true, code: 'SCHEMA_DRIFT', error },
    ]);
    expect(subscriptions[0]?.lastError).toMatchObject({ message: error });
  });

  test('syncs that disagree are told of their subscription, not instead of all', async () => {
    await a.query('create table t (id int primary key)');
    await b.query(`insert into replicator.tables (source, table_schema, table_name, sync, copied_at, copied)
      values ('a', 'public', 't', 's', '0/1', false)`);
    const disagree = (sync: SyncConfig) => [
      sync,
      { ...sync, name: 'o', truncate: 'ignore' as const },
    ];
    const subscriptions = config.subscriptions.map((each) =>
      each.source === 'a' ? { ...each, syncs: each.syncs.flatMap(disagree) } : each,
    );
    const { subscriptions: told } = await readStatus({ ...config, subscriptions });
    expect(told).toMatchObject([
      {
        healthy: false,
        waitingTables: [],
        lastError: {
          code: 'CONFIGURATION',
          message: expect.stringContaining('differ in truncate'),
        },
      },
      { lastError: null },
    ]);
  });
});
