// However the stream from a source arrives and wherever it breaks: every transaction counts once, and
// as a whole.
import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, issue } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import { killReplicators } from '../support/replicator-process.ts';
import { serverUser } from '../support/server-user.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { createOneWay, type OneWay } from './scenarios/one-way.ts';
import { cutStreamAtEachMessage } from './scenarios/stream-cuts.ts';

const versions = [...new Set([oldest, newest])];

afterEach(killReplicators);

/** Small transactions of every kind, and a value that is larger than any buffer. */
async function writeAll({ source }: OneWay, from = 0): Promise<void> {
  for (let i = from; i < from + 30; i++)
    await source.database.query(`
      insert into t select i, 'größe 😀 ' || i from generate_series(${i * 10}, ${i * 10 + 9}) i;
      update t set v = v || '!' where id % 7 = 0;
      delete from t where id % 11 = 0;
      insert into log values ('transaction ${i}')`);
  await source.database.query(`insert into t values (${-1 - from}, repeat('0123456789', 100000))`);
}

describe.each(versions)('PostgreSQL %i', (major) => {
  test('it breaks behind and in each message of a transaction', async () => {
    await cutStreamAtEachMessage({ server: await sharedServer(major) });
  }, 180_000);

  test.each([1, 7, 1_000])('it arrives in pieces of %i bytes', async (pieceBytes) => {
    await using world = await createOneWay({ server: await sharedServer(major) });
    await world.start();
    world.source.proxy.pieceBytes = pieceBytes;
    await writeAll(world);
    await world.settle();
  });
});

describe.each(versions)('PostgreSQL %i, a server of its own', (major) => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startServer({
      major,
      name: 'broken-stream',
      settings: { logical_decoding_work_mem: '4MB' },
    });
  }, 60_000);

  afterAll(async () => {
    await server.remove();
  });

  test.each<[string, () => Promise<unknown>]>([
    ['a fast stop', async () => await server.restart('fast')],
    ['an immediate stop', async () => await server.restart('immediate')],
    [
      'an end of the walsender',
      async () =>
        await server.query('postgres', 'select pg_terminate_backend(pid) from pg_stat_replication'),
    ],
  ])(
    '%s in the middle of a large transaction',
    async (_, breakIt) => {
      await using world = await createOneWay({
        server,
        targetServer: await sharedServer(newest),
        patienceMs: 60_000,
      });
      await world.start();
      await world.source.database.query(
        `insert into t select i, 'row ' || i from generate_series(1, 300000) i`,
      );
      const openFor = `select from pg_stat_activity where datname = $1
      and application_name like 'replicator/%/apply'
      and xact_start < clock_timestamp() - interval '0.1 s'`;
      const { database } = world.target;
      await eventually(async () => (await database.query(openFor, [database.name])).length > 0, {
        timeoutMs: 60_000,
        intervalMs: 5,
        what: 'a long transaction on the target',
      });
      expect(await database.query('select from t')).toEqual([]);
      await breakIt();
      await world.settle();
    },
    120_000,
  );

  test('through TLS', async () => {
    const authority = createAuthority('of the source');
    const { certificate, key } = issue(authority, { host: 'localhost' });
    const user = serverUser();
    for (const [name, text] of Object.entries({ 'server.crt': certificate, 'server.key': key })) {
      const path = join(server.dataDirectory, name);
      await writeFile(path, text, { mode: 0o600 });
      if (user) await chown(path, user.uid, user.gid);
    }
    await server.set('ssl', 'on');
    const sslrootcert = join(createTemporaryFolder('broken-stream').path, 'root.pem');
    await writeFile(sslrootcert, authority.certificate);
    await using world = await createOneWay({ server, sslrootcert });
    const replicator = await world.start();
    await writeAll(world);
    world.source.proxy.pieceBytes = 50;
    await writeAll(world, 30);
    await world.settle();
    const protectedOnes = await server.query(
      'postgres',
      `select from pg_stat_ssl join pg_stat_replication using (pid) where ssl`,
    );
    expect(protectedOnes).toHaveLength(1);
    world.source.proxy.pieceBytes = Number.POSITIVE_INFINITY;
    // More than a queue holds.
    await world.source.database.query(
      `insert into t select 1000 + i, repeat('x', 2000) from generate_series(1, 40000) i`,
    );
    await world.settle();
    expect(replicator.logs.filter(({ level }) => level === 'error')).toEqual([]);
  }, 120_000);
});
