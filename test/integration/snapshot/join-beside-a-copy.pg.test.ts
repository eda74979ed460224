// Several sources bring one table to one target, and each joins at its own pace.
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load-config.ts';
import { zeroLsn } from '../../../src/model/lsn.ts';
import { Session } from '../../../src/postgres/session.ts';
import { joinTables } from '../../../src/snapshot/join-tables.ts';
import { wasCopied } from '../../../src/snapshot/rows-there.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { holdLock, untilWaitingForLock } from '../../support/hold-lock.ts';
import { tearDown } from '../../support/replication.ts';
import { newest, sharedServer } from '../../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../../support/sync-file.ts';
import { initializeFile } from '../../support/synced-databases.ts';

let a: TestDatabase;
let b: TestDatabase;
let c: TestDatabase;

beforeEach(async () => {
  const server = await sharedServer(newest);
  a = await createDatabase(server, 'join a');
  b = await createDatabase(server, 'join b');
  c = await createDatabase(server, 'join c');
  for (const database of [a, b, c]) await database.query('create table t (id int primary key)');
});

afterEach(async () => {
  for (const database of [a, b, c]) await database.drop();
});

const open = (database: TestDatabase) =>
  Session.connect(databaseConfig(database), { purpose: 'copy', name: 'join' });

test('a database that is not set up yet has no copied table', async () => {
  await using session = await open(a);
  expect(await wasCopied(session, { schema: 'public', name: 't' })).toBe(false);
});

test('a copy that ends while another source joins is not taken for a clash', async () => {
  const path = await initializeFile(
    writeSyncFile({ a: source(a), b: source(b), c: target(c) }, { sync: { initial_copy: 'once' } }),
  );
  const config = await loadConfig({ path });
  const subscription = config.subscriptions.find((each) => each.source === 'b');
  if (subscription === undefined) throw new Error('b:c is missing');
  {
    await using from = await open(b);
    await using to = await open(c);
    // a's copy, not committed: t on c, and from where on the changes of both sources count
    const copy = await holdLock(
      c,
      `lock table t; insert into t values (1);
       insert into replicator.tables (source, table_schema, table_name, sync, copied_at, copied)
       values ('a', 'public', 't', 'sync', '0/2', true), ('b', 'public', 't', 'sync', '0/1', true)`,
    );
    await a.query('insert into t values (1)');
    const join = () =>
      joinTables({
        config,
        subscription,
        source: from,
        target: to,
        progress: zeroLsn,
        onAsTheyAre: async () => {},
        onCopy: () => {},
        onProgress: () => {},
        log: pino({ level: 'silent' }),
      });
    const joining = expect(join()).rejects.toMatchObject({ code: 'SERVER_BUSY' });
    await untilWaitingForLock(c);
    await copy.commit();
    await joining;
    const { tables } = await join();
    expect(tables.get('public.t')?.copiedAt).toBe(1n);
  }
  await tearDown(path);
});
