// Servers that are set up wrongly, and what is between them and us.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { preflight } from '../../../src/setup/preflight.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { type PostgresServer, startServer } from '../../support/postgres-server.ts';
import { createProxy, type TcpProxy } from '../../support/proxy.ts';
import { majors, newest, sharedServer } from '../../support/servers-for-tests.ts';
import { configOf } from './preflight-fixture.ts';

const asSource = (database: TestDatabase) => ({ database, role: 'source' }) as const;

describe.each(majors)('on PostgreSQL %i', (major) => {
  let server: PostgresServer | undefined;

  afterAll(async () => {
    await server?.remove();
  });

  test('settings that a source cannot have', async () => {
    server = await startServer({
      major,
      name: 'preflight',
      settings: {
        wal_level: 'replica',
        track_commit_timestamp: 'off',
        synchronous_standby_names: 'FIRST 1 (s1, "Replicator/B/walsender")',
        synchronous_commit: 'local',
        wal_sender_timeout: '0',
        max_slot_wal_keep_size: '1GB',
        max_replication_slots: '3',
        max_wal_senders: '3',
        ...(major >= 18
          ? { idle_replication_slot_timeout: '1d', max_active_replication_origins: '1' }
          : {}),
      },
    });
    const ddl = 'create table t (id int primary key)';
    const a = await createDatabase(server, 'preflight a');
    const b = await createDatabase(server, 'preflight b');
    for (const database of [a, b]) await database.query(ddl);
    await server.query('postgres', `select pg_replication_origin_create('somebody else''s')`);
    const config = configOf({ a: asSource(a), b: asSource(b) }, { initialCopy: 'if_empty' });
    const found = await preflight(config, { categories: ['server', 'conflict'] });
    const old = [
      'a and b: 4 more replication slots needed, 3 free (max_replication_slots = 3, 0 in use)',
      'a and b: 4 more walsenders needed, 3 free (max_wal_senders = 3, 0 in use)',
    ];
    expect(found.map(({ severity, message }) => `${severity} ${message}`)).toEqual([
      'error a: wal_level is replica, a source needs logical',
      'error b: wal_level is replica, a source needs logical',
      ...[
        ...old,
        major >= 18
          ? 'a and b: 4 more replication origins needed, 0 free (max_active_replication_origins = 1, 1 in use)'
          : 'a and b: 4 more replication origins needed, 2 free (max_replication_slots = 3, 1 in use)',
      ].map((message) => `error ${message}`),
      ...['a', 'b'].flatMap((name) => [
        ...(major >= 18
          ? [
              `warning ${name}: idle_replication_slot_timeout = 1d: a longer pause costs the slot, and every target must be copied anew`,
            ]
          : []),
        `notice ${name}: wal_sender_timeout = 0: a connection that died unnoticed keeps the slot busy`,
      ]),
      `error b: synchronous_standby_names = 'FIRST 1 (s1, "Replicator/B/walsender")' counts replicator as a standby: every commit would wait for it`,
      'error a: track_commit_timestamp is off, and rows here have several writers: the later commit could not be told',
      'error b: track_commit_timestamp is off, and rows here have several writers: the later commit could not be told',
      'notice a: sync s keeps the last commit of a row as a whole: of increments (n = n + 1) or changes of other columns made elsewhere meanwhile nothing stays',
      'notice a: sync s has several sources and `truncate: replicate`: a TRUNCATE can leave the databases different',
    ]);
  });

  test('a standby is told from a primary', async () => {
    if (!server) throw new Error('no server');
    const [{ datname } = {}] = await server.query(
      'postgres',
      `select datname from pg_database where datname like 't_preflight_a%'`,
    );
    await server.stop();
    await writeFile(join(server.dataDirectory, 'standby.signal'), '');
    await server.start();
    const primary = await createDatabase(await sharedServer(major), 'preflight');
    await primary.query('create table t (id int primary key)');
    try {
      const standby = { ...primary, name: datname ?? '', url: server.url(datname ?? '') };
      const config = configOf({ a: asSource(standby), b: { database: primary, role: 'target' } });
      const found = await preflight(config, { categories: ['server', 'schema'] });
      expect(found.filter(({ code }) => code !== 'CONFIGURATION')).toMatchObject([
        { check: 'writable', database: 'a', message: 'a: is a standby and cannot be written to' },
      ]);
    } finally {
      await primary.drop();
    }
  });
});

describe('in between and around', () => {
  const databases: TestDatabase[] = [];
  let proxy: TcpProxy | undefined;

  afterEach(async () => {
    for (const database of databases.splice(0)) await database.drop();
    await proxy?.close();
    proxy = undefined;
  });

  async function create(): Promise<TestDatabase> {
    const database = await createDatabase(await sharedServer(newest), 'preflight');
    await database.query('create table t (id int primary key)');
    databases.push(database);
    return database;
  }

  test('another port is noticed, and a slow network is not taken for a wrong clock', async () => {
    const a = await create();
    const b = await create();
    proxy = await createProxy(a.server.port);
    proxy.delayMs = 150;
    const url = a.url.replace(`:${a.server.port}`, `:${proxy.port}`);
    const config = configOf({ a: asSource({ ...a, url }), b: { database: b, role: 'target' } });
    const found = await preflight(
      { ...config, maxClockSkewMs: 50 },
      { categories: ['connection', 'server'] },
    );
    expect(found.map(({ severity, message }) => `${severity} ${message}`)).toEqual([
      `notice a: the server listens on port ${a.server.port} and is reached through ${proxy.port}`,
      'notice a: max_slot_wal_keep_size = -1: WAL is kept without limit while a target is behind, until the disk is full',
    ]);
  });

  test('clocks are compared with this host', async () => {
    const config = configOf({ a: asSource(await create()), b: asSource(await create()) });
    const now = () => Date.now() - 3_600_000;
    const found = await preflight(config, { now, categories: ['server'] });
    const skewed = found.filter(({ check }) => check === 'clock-skew');
    expect(skewed).toMatchObject([
      { database: 'a', severity: 'warning' },
      { database: 'b', severity: 'warning' },
    ]);
    expect(skewed[0]?.message).toMatch(
      /^a: its clock is (3599\.\d|3600\.0) s ahead of this host's/,
    );
  });

  test('encodings', async () => {
    const a = await create();
    const server = a.server;
    const others = ['LATIN1', 'SQL_ASCII'].map((encoding) => {
      const name = `${a.name}_${encoding.toLowerCase()}`;
      const drop = async () => {
        await server.query('postgres', `drop database ${name}`);
      };
      return { ...a, name, url: server.url(name), drop, encoding };
    });
    for (const { name, encoding } of others)
      await server.query(
        'postgres',
        `create database ${name} template template0 locale 'C' encoding '${encoding}'`,
      );
    const [latin1, sqlAscii] = others;
    if (!latin1 || !sqlAscii) throw new Error('no databases');
    databases.unshift(latin1, sqlAscii);
    const config = configOf({ a: asSource(a), l: asSource(latin1), s: asSource(sqlAscii) });
    const found = await preflight(config, { categories: ['server'] });
    expect(found.filter(({ check }) => check === 'encoding').map(({ message }) => message)).toEqual(
      [
        's: its encoding is SQL_ASCII, so nobody knows what its bytes mean',
        "a:l: the target's encoding LATIN1 lacks characters of the source's UTF8",
      ],
    );
  });
});
