// A server that is restarted without commit times cannot say which of two changes is newer: nothing is
// written there until it can again, and then it goes on by itself.
import { afterEach, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import { tearDown, waitForAll } from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { source } from '../support/sync-file.ts';
import { initialize } from '../support/synced-databases.ts';

let own: PostgresServer;
let masters: TestDatabase[] = [];

afterEach(async () => {
  await killReplicators();
  for (const database of masters) await database.drop();
  await own?.remove();
});

test('what comes waits, and is applied by its version afterwards', async () => {
  own = await startServer({ major: newest, name: 'no-commit-times' });
  const a = await createDatabase(await sharedServer(newest), 'times a');
  const b = await createDatabase(own, 'times b');
  masters = [a, b];
  for (const database of masters)
    await database.query('create table t (id int primary key, v text)');
  const config = await initialize({ a: source(a), b: source(b) });
  startReplicator(config);
  await a.query(`insert into t values (1, 'first')`);
  await waitForAll(config);

  await own.set('track_commit_timestamp', 'off');
  await own.restart();
  await a.query(`update t set v = 'later' where id = 1`);
  await eventually(async () => {
    const { stdout } = await runCli(['status', '-c', config, '--json']);
    expect(stdout).toContain('track_commit_timestamp is off');
  });
  expect(await b.query('select v from t')).toEqual([{ v: 'first' }]);

  await own.set('track_commit_timestamp', 'on');
  await own.restart();
  await eventually(async () => expect(await b.query('select v from t')).toEqual([{ v: 'later' }]), {
    timeoutMs: 60_000,
  });
  await killReplicators();
  await tearDown(config);
});
