// conflict: pause. Two masters change the same row while nothing goes between them: both stop before
// the other's change, a person decides, and all masters have the row that was chosen.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ConflictRow } from '../../src/observability/read-conflicts.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeftOn } from '../support/leftovers.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import { stopCleanly, tearDown, waitForAll } from '../support/replication.ts';
import {
  killReplicators,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { middle, newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source } from '../support/sync-file.ts';
import { initialize } from '../support/synced-databases.ts';

let servers: PostgresServer[];
let masters: TestDatabase[];
let a: TestDatabase;
let b: TestDatabase;
let config: string;
let replicator: ReplicatorProcess;

beforeEach(async () => {
  servers = await Promise.all([oldest, newest, middle].map(sharedServer));
  masters = await Promise.all(
    servers.map((server, i) => createDatabase(server, `pause ${'abc'[i]}`)),
  );
  [a, b] = masters as [TestDatabase, TestDatabase];
  for (const database of masters)
    await database.query('create table t (id int primary key, v text, n numeric)');
  const [first, second, third] = masters as [TestDatabase, TestDatabase, TestDatabase];
  config = await initialize(
    { a: source(first), b: source(second), c: source(third) },
    { sync: { conflict: 'pause' } },
  );
  replicator = startReplicator(config);
  await a.query(`insert into t values (1, 'old', 1.50), (2, 'old', 2)`);
  await waitForAll(config);
  await stopCleanly(replicator);
});

afterEach(async () => {
  await killReplicators();
  try {
    await tearDown(config);
    await assertNothingLeftOn(servers);
  } finally {
    for (const database of masters) await database.drop();
  }
});

async function waiting(): Promise<ConflictRow[]> {
  const { stdout } = await runCli(['conflicts', '-c', config, '--json']);
  const { conflicts } = JSON.parse(stdout) as { conflicts: ConflictRow[] };
  return conflicts.filter(
    ({ resolution, decision }) => resolution === 'error' && decision === null,
  );
}

/** Takes the row of `writer` wherever it is asked for, until nobody waits any more. */
async function decideFor(writer: string): Promise<number> {
  let decisions = 0;
  await eventually(
    async () => {
      for (const { id, source: from, localDatabase } of await waiting()) {
        expect([from, localDatabase]).toContain(writer);
        const take = from === writer ? 'remote' : 'local';
        const { code } = await runCli(['conflicts', 'resolve', id, '--take', take, '-c', config]);
        if (code === 0) decisions += 1;
      }
      const { code } = await runCli(['wait', '-c', config, '--timeout', '1s']);
      expect(code).toBe(0);
    },
    // by itself a failed one looks again after a minute at the earliest
    { timeoutMs: 50_000, intervalMs: 200, what: 'that nobody waits' },
  );
  return decisions;
}

test.each([
  ['the later one', `update t set v = 'of b' where id = 1`, 'b', ['(1,"of b",1.50)', '(2,old,2)']],
  [
    'the earlier one',
    `update t set v = 'of b' where id = 1`,
    'a',
    ['(1,"of a",1.50)', '(2,old,2)'],
  ],
  ['a delete that is later', 'delete from t where id = 1', 'b', ['(2,old,2)']],
  [
    'an update before a delete',
    'delete from t where id = 1',
    'a',
    ['(1,"of a",1.50)', '(2,old,2)'],
  ],
])('the chosen change stays everywhere: %s', async (_, onB, writer, expected) => {
  await a.query(`update t set v = 'of a' where id = 1`);
  await b.query(onB);
  // behind it, and in conflict with nobody
  await a.query(`insert into t values (3, 'of a', 3)`);
  replicator = startReplicator(config);
  await replicator.waitForLog((line) => line['code'] === 'CONFLICT');
  await eventually(async () => expect(await waiting()).not.toEqual([]), { what: 'a question' });
  const { stdout, code } = await runCli(['status', '-c', config, '--json']);
  expect(code).toBe(1);
  const failed = JSON.parse(stdout).subscriptions.filter(
    ({ state }: { state: string }) => state === 'failed',
  );
  for (const { lastError } of failed) {
    expect(lastError.code).toBe('CONFLICT');
    expect(lastError.message).not.toContain('of ');
  }
  expect(await decideFor(writer)).toBeGreaterThan(0);
  for (const database of masters) {
    const found = await database.query('select t::text as row from t order by id');
    expect(found.map(({ row }) => row)).toEqual([...expected, '(3,"of a",3)']);
  }
  await stopCleanly(replicator);
});
