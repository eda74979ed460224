// The statements that remember conflicts, on every version.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ConflictLog } from '../../../../src/config/config.ts';
import { beforeAllTimes } from '../../../../src/model/commit-time.ts';
import type { Conflict, ConflictSide, RowImage } from '../../../../src/model/conflict.ts';
import { Session } from '../../../../src/postgres/session.ts';
import type { Statement } from '../../../../src/postgres/statement-group.ts';
import { schemaStatements } from '../../../../src/setup/schema.ts';
import {
  findDecision,
  recordUndecided,
} from '../../../../src/target/conflict/conflict-decision.ts';
import {
  addConflictCounts,
  forgetConflicts,
  logConflicts,
  toldOf,
} from '../../../../src/target/conflict/conflict-log.ts';
import { createDatabase, type TestDatabase } from '../../../support/database.ts';
import { databaseConfig } from '../../../support/database-config.ts';
import { majors, sharedServer } from '../../../support/servers-for-tests.ts';

const noon = 757_382_400_000_001n;

const side = (rank: number, time: bigint, row?: RowImage): ConflictSide => ({
  version: { time, rank },
  row: () => row,
});

type ToTell = Conflict & { log: ConflictLog };

const conflict: Conflict = {
  kind: 'update_origin_differs',
  resolution: 'keep_local',
  rule: 'newer',
  sync: 's',
  table: { oid: '17', schema: 'public', name: 'My "t"' },
  key: { id: '1' },
  local: side(2, noon, { id: '1', v: `it's "here"\n` }),
  remote: side(1, noon - 1n, { id: '1', v: null }),
};

const more = (changes: Partial<ToTell>): ToTell => ({
  ...conflict,
  log: 'keys',
  ...changes,
});

describe.each(majors)('PostgreSQL %i', (major) => {
  let database: TestDatabase;
  let session: Session;

  beforeAll(async () => {
    database = await createDatabase(await sharedServer(major), 'conflict log');
    await database.query(`${schemaStatements.join(';\n')};
      insert into replicator.ranks values ('a', 1), ('b', 2)`);
    const purpose = 'control';
    session = await Session.connect(databaseConfig(database), { purpose, name: 'b' });
  }, 30_000);

  afterEach(async () => {
    await session.query('delete from replicator.conflicts');
  });

  afterAll(async () => {
    await session.close();
    await database.drop();
  });

  const execute = async (statement: Statement | undefined) => {
    const [result] = await session.group(statement === undefined ? [] : [statement]);
    return result?.rows ?? [];
  };

  const log = (...conflicts: ToTell[]) =>
    execute(
      logConflicts(
        'a',
        conflicts.map((each) => toldOf(each, each.log)).filter((each) => each !== undefined),
      ),
    );

  const logged = (columns: string) =>
    database.query(`select ${columns} from replicator.conflicts order by id`);

  test('what was decided, and between what', async () => {
    await log(more({}));
    expect(
      await logged(`sync, source, relation::text, table_schema, table_name, key::text, conflict_type, resolution, rule,
        local_database, local_commit_time::text, remote_commit_time::text`),
    ).toEqual([
      {
        sync: 's',
        source: 'a',
        relation: '17',
        table_schema: 'public',
        table_name: 'My "t"',
        key: '{"id": "1"}',
        conflict_type: 'update_origin_differs',
        resolution: 'keep_local',
        rule: 'newer',
        local_database: 'b',
        local_commit_time: '2024-01-01 00:00:00.000001+00',
        remote_commit_time: '2024-01-01 00:00:00+00',
      },
    ]);
  });

  test('the row that lost, or both', async () => {
    await log(
      more({}),
      more({ resolution: 'apply_remote' }),
      more({ log: 'full' }),
      more({ log: 'off' }),
      more({ resolution: 'skip', remote: side(1, noon) }),
    );
    const local = { id: '1', v: `it's "here"\n` };
    const remote = { id: '1', v: null };
    const rows = await logged('local_row::text as l, remote_row::text as r');
    expect(rows.map(({ l, r }) => [l && JSON.parse(l), r && JSON.parse(r)])).toEqual([
      [null, remote],
      [local, null],
      [local, remote],
      [null, null],
    ]);
  });

  test('nothing known of the local row, or not since when it is so', async () => {
    await log(
      more({
        kind: 'update_missing',
        resolution: 'apply_remote',
        rule: 'missing',
        local: undefined,
      }),
      more({ local: side(2, beforeAllTimes, { id: '1' }) }),
    );
    expect(await logged('local_database as d, local_commit_time as t, local_row as r')).toEqual([
      { d: null, t: null, r: null },
      { d: 'b', t: null, r: null },
    ]);
  });

  test('counts add up, also within one statement', async () => {
    const once = { kind: 'delete_missing', resolution: 'skip', count: 2 } as const;
    const other = { kind: 'insert_exists', resolution: 'keep_local', count: 1 } as const;
    await execute(addConflictCounts('a', [once, other, once]));
    await execute(addConflictCounts('a', [once]));
    expect(
      await database.query(
        'select source, conflict_type, resolution, count::text from replicator.conflict_counts order by 2',
      ),
    ).toEqual([
      { source: 'a', conflict_type: 'delete_missing', resolution: 'skip', count: '6' },
      { source: 'a', conflict_type: 'insert_exists', resolution: 'keep_local', count: '1' },
    ]);
  });

  test('old ones are forgotten, but not those that wait for a decision', async () => {
    await log(more({ sync: 'old' }), more({ sync: 'new' }));
    await execute(recordUndecided('a', { ...conflict, sync: 'waiting' }));
    await database.query(`update replicator.conflicts
      set decided_at = decided_at - interval '31 d' where sync <> 'new'`);
    await execute(forgetConflicts(30 * 86_400_000));
    expect(await logged('sync')).toEqual([{ sync: 'new' }, { sync: 'waiting' }]);
    await database.query(`update replicator.conflicts set decision = 'local'`);
    await execute(forgetConflicts(30 * 86_400_000));
    expect(await logged('sync')).toEqual([{ sync: 'new' }]);
  });

  test('what a person has to decide is recorded once, with both rows as they are now', async () => {
    await execute(recordUndecided('a', conflict));
    await execute(
      recordUndecided('a', { ...conflict, local: side(2, noon + 5n, { id: '1', v: 'later' }) }),
    );
    expect(
      await logged(`resolution, rule, local_row->>'v' as l, remote_row is not null as r,
        local_commit_time::text as t`),
    ).toEqual([
      {
        resolution: 'error',
        rule: 'pause',
        l: 'later',
        r: 't',
        t: '2024-01-01 00:00:00.000006+00',
      },
    ]);
    await execute(recordUndecided('a', { ...conflict, remote: side(1, noon) }));
    await execute(recordUndecided('c', conflict));
    await execute(recordUndecided('a', { ...conflict, key: { id: '2' } }));
    expect(await logged('id')).toHaveLength(4);
  });

  test('a decision is found for the very change that it was made for', async () => {
    await log(more({}));
    await execute(recordUndecided('a', conflict));
    expect(await execute(findDecision('a', conflict))).toEqual([]);
    await database.query(`update replicator.conflicts set decision = 'remote'
      where resolution = 'error'`);
    expect(await execute(findDecision('a', conflict))).toEqual([['remote']]);
    const renamed = { ...conflict, table: { ...conflict.table, name: 'renamed' } };
    expect(await execute(findDecision('a', renamed))).toEqual([['remote']]);
    // by a subscription that had looked for it a moment before
    await execute(recordUndecided('a', conflict));
    expect(await logged('decision')).toEqual([{ decision: null }, { decision: 'remote' }]);
    for (const other of [
      { ...conflict, key: { id: '2' } },
      { ...conflict, table: { ...conflict.table, oid: '18' } },
      { ...conflict, remote: side(1, noon) },
    ])
      expect(await execute(findDecision('a', other))).toEqual([]);
    expect(await execute(findDecision('c', conflict))).toEqual([]);
  });
});
