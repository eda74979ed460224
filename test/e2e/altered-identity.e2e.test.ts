// Where several databases write to a table, all must name its rows by the same columns, also once one of them is altered.
import { afterEach, expect, test, vi } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import {
  rowsOf,
  stopCleanly,
  tearDown,
  untilStreaming,
  waitForAll,
} from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { source, writeSyncFile } from '../support/sync-file.ts';

vi.setConfig({ testTimeout: 120_000 });

let a: TestDatabase;
let b: TestDatabase;
let config: string;

afterEach(async () => {
  await killReplicators();
  await tearDown(config);
  for (const database of [a, b]) await database.drop();
});

test('a master that names its rows by other columns is refused, both ways', async () => {
  const server = await sharedServer(newest);
  [a, b] = [await createDatabase(server, 'identity a'), await createDatabase(server, 'identity b')];
  for (const { query } of [a, b])
    await query('create table t (id int primary key, k int not null unique)');
  config = writeSyncFile({ a: source(a), b: source(b) });
  const replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b', 'b:a', 'a:a', 'b:b']);
  await a.query('insert into t values (1, 1), (2, 2)');
  await waitForAll(config);
  await b.query('alter table t replica identity using index t_k_key');
  await b.query('delete from t where id = 1');
  await a.query('update t set k = 3 where id = 2');
  for (const subscription of ['b:a', 'a:b'])
    await replicator.waitForLog(
      (line) => line['subscription'] === subscription && line['code'] === 'REPLICA_IDENTITY',
    );
  expect([await rowsOf(a, 't'), await rowsOf(b, 't')]).toEqual([['(1,1)', '(2,3)'], ['(2,2)']]);
  await stopCleanly(replicator);
});
