// A commit is in the stream before others can see it. A table that is seen as empty by then, and joins from where the
// stream has got to, would miss it.
import pg from 'pg';
import { afterEach, expect, test, vi } from 'vitest';
import { writeConfig } from '../support/config-file.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import { reload, rowsOf, tearDown, untilEqual, untilStreaming } from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let server: PostgresServer;
let config: string;
const databases: TestDatabase[] = [];

afterEach(async () => {
  await killReplicators();
  await server.set('synchronous_standby_names', null);
  await tearDown(config);
  for (const database of databases.splice(0)) await database.drop();
  await server.remove();
});

test.each([...new Set([oldest, newest])])(
  'a commit that waits for its standby while a table joins, on %i',
  async (major) => {
    server = await startServer({ major, name: 'not visible' });
    const a = await createDatabase(server, 'a');
    const b = await createDatabase(await sharedServer(newest), 'b');
    const c = await createDatabase(await sharedServer(newest), 'c');
    databases.push(a, b, c);
    for (const { query } of databases)
      await query('create table t (id int primary key); create table u (id int primary key)');
    const fileOf = (receivers: Record<string, string>) =>
      writeConfig({
        databases: Object.fromEntries(
          Object.entries({ a, b, c }).map(([name, { url }]) => [name, { url }]),
        ),
        relgroups: { first: { tables: ['public.t'] }, second: { tables: ['public.u'] } },
        dbgroups: {
          all: { a: 'source', b: 'target', c: 'target' },
          some: { a: 'source', ...receivers },
        },
        syncs: {
          s1: { relgroup: 'first', dbgroup: 'all', initial_copy: 'if_empty' },
          s2: { relgroup: 'second', dbgroup: 'some', initial_copy: 'if_empty' },
        },
      });
    config = fileOf({ c: 'target' });
    const replicator = startReplicator(config);
    await untilStreaming(replicator, ['a:b', 'a:c']);

    await server.set('synchronous_standby_names', 'nobody');
    const user = new pg.Client({ connectionString: a.url });
    user.on('error', () => undefined);
    await user.connect();
    const hanging = user.query('insert into u values (1)');
    hanging.catch(() => undefined);
    await eventually(async () => expect(await rowsOf(c, 'u')).toEqual(['(1)']));
    await a.query('set synchronous_commit = local; insert into t values (1)');
    await untilEqual(a, b, 't');
    expect(await rowsOf(a, 'u')).toEqual([]);
    const from = reload(replicator, config, fileOf({ b: 'target', c: 'target' }));
    await replicator.waitForLog(
      (line) => line['subscription'] === 'a:b' && line['code'] === 'SERVER_BUSY',
      { from, timeoutMs: 30_000 },
    );
    await server.set('synchronous_standby_names', null);
    await hanging;
    await user.end();
    await untilStreaming(replicator, ['a:b', 'a:c'], { from });
    await untilEqual(a, b, 'u');
  },
);
