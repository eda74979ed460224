// A server forgets when rows were committed once it has frozen them in all of its databases. A master that was away for
// so long sends changes that are older than that.
import { afterEach, expect, test, vi } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import {
  pause,
  resume,
  rowsOf,
  stopCleanly,
  tearDown,
  untilStreaming,
  waitForAll,
} from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source, writeSyncFile } from '../support/sync-file.ts';

vi.setConfig({ testTimeout: 150_000, hookTimeout: 60_000 });

let server: PostgresServer;
let a: TestDatabase;
let b: TestDatabase;
let config: string;

afterEach(async () => {
  await killReplicators();
  await tearDown(config);
  for (const database of [a, b]) await database.drop();
  await server.remove();
});

test.each([...new Set([oldest, newest])])(
  'changes that are older than what is known of rows that were frozen, on %i',
  async (major) => {
    server = await startServer({ major, name: 'frozen' });
    a = await createDatabase(server, 'frozen a');
    b = await createDatabase(await sharedServer(newest), 'frozen b');
    for (const { query } of [a, b]) await query('create table t (id int primary key, v text)');
    config = writeSyncFile({ a: source(a), b: source(b) });
    const replicator = startReplicator(config);
    await untilStreaming(replicator, ['a:b', 'b:a', 'a:a', 'b:b']);
    await a.query(`insert into t select i, 'first' from generate_series(1, 3) i`);
    await waitForAll(config);
    await pause(replicator, config, 'b:a');
    await b.query(`update t set v = 'older, of b' where id = 1`);
    await b.query('delete from t where id = 2');
    await a.query(`update t set v = 'newer, of a' where id < 3`);
    const ended = ['(1,"newer, of a")', '(2,"newer, of a")', '(3,first)'];
    await eventually(async () => expect(await rowsOf(b, 't')).toEqual(ended));
    await freeze();
    await resume(config, 'b:a');
    await waitForAll(config);
    for (const database of [a, b]) {
      const rows = await rowsOf(database, 't');
      expect(rows.filter((row) => !row.endsWith(',x)'))).toEqual(ended);
    }
    const told = replicator.logs.filter(({ msg }) =>
      msg?.startsWith('changes come that are older'),
    );
    expect(told).toHaveLength(1);
    await stopCleanly(replicator);
  },
);

/** Until the server does not know any more when the rows were committed. */
async function freeze(): Promise<void> {
  await server.query(
    'postgres',
    `update pg_database set datallowconn = true where datname = 'template0'`,
  );
  let id = 1_000;
  await eventually(
    async () => {
      for (let i = 0; i < 30; i++) await a.query(`insert into t values (${id++}, 'x')`);
      await server.query('postgres', 'checkpoint');
      for (const name of ['postgres', 'template0', 'template1', a.name])
        await server.query(name, 'vacuum freeze');
      const [row] = await a.query(
        'select pg_xact_commit_timestamp(xmin) is null as is_gone from t where id = 1',
      );
      expect(row).toEqual({ is_gone: 't' });
    },
    { timeoutMs: 60_000, intervalMs: 1_000, what: 'rows are frozen' },
  );
}
