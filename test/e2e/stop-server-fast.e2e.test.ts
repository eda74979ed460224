// `pg_ctl stop -m fast` of any server ends soon whatever replicator is doing, as a fast stop waits
// until the walsender has been told that all of its WAL is durable on the other side.
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import { startLoad } from '../support/load.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import { stopCleanly, tearDown, waitForAll } from '../support/replication.ts';
import {
  killReplicators,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { middle, newest, oldest } from '../support/servers-for-tests.ts';
import { expectEqual, initialize } from '../support/synced-databases.ts';

const limitMs = 10_000;

// a and b are masters, c receives from both
let servers: PostgresServer[];
let databases: TestDatabase[];
let config: string;
let replicator: ReplicatorProcess;

beforeAll(async () => {
  servers = await Promise.all([
    startServer({ major: newest, name: 'stopped-a' }),
    startServer({ major: middle, name: 'stopped-b' }),
    startServer({ major: oldest, name: 'stopped-c' }),
  ]);
}, 60_000);

beforeEach(async () => {
  databases = await Promise.all(servers.map((server, i) => createDatabase(server, `stop ${i}`)));
  for (const database of databases)
    await database.query('create table items (id bigint primary key, v text)');
  config = await initialize({
    a: { database: database('a'), role: 'source' },
    b: { database: database('b'), role: 'source' },
    c: { database: database('c'), role: 'target' },
  });
  replicator = startReplicator(config);
  await database('a').query(`insert into items values (1, 'first')`);
  await database('b').query(`insert into items values (2, 'first')`);
  await waitForAll(config);
});

afterEach(async () => {
  await killReplicators();
  await Promise.all(databases.map((each) => each.drop()));
  await Promise.all(servers.map((server) => assertNothingLeft(server)));
}, 30_000);

afterAll(async () => {
  await Promise.all(servers.map((server) => server.remove()));
});

const names = ['a', 'b', 'c'];

function database(name: string): TestDatabase {
  return databases[names.indexOf(name)] as TestDatabase;
}

function transactionOf(name: string): (n: number) => string {
  const first = (names.indexOf(name) + 1) * 1_000_000;
  return (n) => `insert into items values (${first + n}, repeat('x', 100))`;
}

async function judge(): Promise<void> {
  await waitForAll(config);
  await expectEqual(databases, 'items');
  await stopCleanly(replicator);
  await tearDown(config);
}

test.each(names)(
  'of %s, idle',
  async (name) => {
    const ms = await database(name).server.stop('fast');
    // a master is a target of its own stream, which it cannot apply any more
    expect(ms).toBeLessThan(2_000);
    console.info(`idle ${name}: ${Math.round(ms)} ms`);
    await database(name).server.start();
    await judge();
  },
  60_000,
);

test.each(names)(
  'of %s, under load',
  async (name) => {
    const loads = ['a', 'b'].map((writer) =>
      startLoad(database(writer), { transaction: transactionOf(writer), mayLoseConnection: true }),
    );
    await eventually(() => loads.every(({ committed }) => committed > 100));
    const ms = await database(name).server.stop('fast');
    expect(ms).toBeLessThan(limitMs);
    console.info(`${name} under load: ${Math.round(ms)} ms`);
    // What it had committed is elsewhere before it is up again, as for a switch to another server.
    const load = loads[names.indexOf(name)];
    if (load !== undefined) {
      const { committed } = load;
      const first = (names.indexOf(name) + 1) * 1_000_000;
      const arrived = `select from items where id between ${first} and ${first + 999_999}`;
      await eventually(async () => (await database('c').query(arrived)).length >= committed);
    }
    await database(name).server.start();
    const before = loads.map(({ committed }) => committed);
    await eventually(() => loads.every(({ committed }, i) => committed > (before[i] ?? 0) + 20));
    await Promise.all(loads.map((load) => load.stop()));
    await judge();
  },
  60_000,
);

test.each(['a', 'c'])(
  'of %s, while a target is blocked by a lock',
  async (name) => {
    const blocker = new pg.Client({
      connectionString: database('c').url,
      application_name: 'test',
    });
    blocker.on('error', () => undefined);
    await blocker.connect();
    await blocker.query('begin; lock table items in access exclusive mode');
    for (let n = 0; n < 50; n++) await database('a').query(transactionOf('a')(n));
    await eventually(
      async () => {
        const waiting = `select from pg_stat_activity
        where application_name like 'replicator/%/apply' and wait_event_type = 'Lock'`;
        return (await database('c').query(waiting)).length > 0;
      },
      { what: 'a blocked applier' },
    );
    const ms = await database(name).server.stop('fast');
    expect(ms).toBeLessThan(limitMs);
    console.info(`${name} with a blocked target: ${Math.round(ms)} ms`);
    await blocker.end().catch(() => undefined);
    await database(name).server.start();
    await judge();
  },
  60_000,
);

test('of a, while a target is down', async () => {
  await database('c').server.stop('fast');
  for (let n = 0; n < 50; n++) await database('a').query(transactionOf('a')(n));
  const ms = await database('a').server.stop('fast');
  expect(ms).toBeLessThan(limitMs);
  console.info(`a with a target that is down: ${Math.round(ms)} ms`);
  await database('a').server.start();
  await database('c').server.start();
  await judge();
}, 60_000);
