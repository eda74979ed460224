import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { asReplicatorError, ReplicatorError } from '../../../src/model/errors.ts';
import { Session } from '../../../src/postgres/session.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { assertNothingLeft } from '../../support/leftovers.ts';
import type { PostgresServer } from '../../support/postgres-server.ts';
import { createProxy } from '../../support/proxy.ts';
import { majors, newest, sharedServer } from '../../support/servers-for-tests.ts';

const databases = new Map<number, TestDatabase>();

beforeAll(async () => {
  for (const major of majors)
    databases.set(major, await createDatabase(await sharedServer(major), 'session'));
}, 60_000);

afterAll(async () => {
  const servers: PostgresServer[] = [...databases.values()].map(({ server }) => server);
  await Promise.all([...databases.values()].map((database) => database.drop()));
  await Promise.all(servers.map((server) => assertNothingLeft(server)));
});

function databaseOn(major: number): TestDatabase {
  return databases.get(major) as TestDatabase;
}

async function open(
  major: number,
  options: { replyTimeoutMs?: number; askAfterMs?: number; port?: number; user?: string } = {},
): Promise<Session> {
  const { port, user, ...rest } = options;
  const config = databaseConfig(databaseOn(major), {
    ...(port !== undefined && { port }),
    ...(user !== undefined && { user }),
  });
  return await Session.connect(config, { purpose: 'control', name: 'b', ...rest });
}

const hostile: Record<string, string> = {
  datestyle: 'SQL, DMY',
  intervalstyle: 'sql_standard',
  extra_float_digits: '-15',
  bytea_output: 'escape',
  timezone: 'Asia/Kathmandu',
  search_path: 'nowhere',
  default_transaction_read_only: 'on',
  default_transaction_isolation: 'serializable',
  statement_timeout: '1ms',
  lock_timeout: '1ms',
  quote_all_identifiers: 'on',
  standard_conforming_strings: 'off',
  row_security: 'on',
};

test.each(majors)('%i: what a role or a database has set does not matter', async (major) => {
  const database = databaseOn(major);
  const role = `r_${database.name.slice(-8)}`;
  await database.query(`create role ${role} login`);
  try {
    for (const [name, value] of Object.entries(hostile)) {
      await database.query(`alter role ${role} set ${name} = '${value}'`);
      await database.query(
        `alter role ${role} in database ${database.name} set ${name} = '${value}'`,
      );
    }
    await using session = await open(major, { user: role });
    const row = await session.one(`
      select '2024-02-01 03:04:05.000006+05:45'::timestamptz::text as at,
             '-1 year 2 days'::interval::text as i, (0.1::float8 + 0.2::float8)::text as f,
             '\\x00ff'::bytea::text as b, current_setting('search_path') as path,
             current_setting('transaction_isolation') as isolation,
             current_setting('transaction_read_only') as read_only,
             format_type('json'::regtype, -1) as type, pg_sleep(0.01)::text as slept`);
    expect(row).toMatchObject({
      at: '2024-01-31 21:19:05.000006+00',
      i: '-1 years +2 days',
      f: '0.30000000000000004',
      b: '\\x00ff',
      path: expect.stringMatching(/^("")?$/),
      isolation: 'read committed',
      read_only: 'off',
      type: 'json',
    });
    const timeouts = await session.query(
      `select name, setting from pg_settings where name like '%\\_timeout' and setting <> '0'
         and context = 'user' and name not in ('tcp_user_timeout', 'wal_sender_timeout')`,
    );
    expect(timeouts).toEqual([]);
  } finally {
    await database.query(`drop role ${role}`);
  }
});

test.each(majors)('%i: a COMMIT that became a ROLLBACK is an error', async (major) => {
  await using session = await open(major);
  const failed = session.transaction(async () => {
    // swallowed, as a careless caller would
    await session.query('select 1 / 0').catch(() => undefined);
  });
  await expect(failed).rejects.toThrow('COMMIT ended as ROLLBACK');
  expect(await session.transaction(async () => await session.one('select 1 as n'))).toEqual({
    n: '1',
  });
});

test.each(majors)(
  '%i: after the first failure of a group nothing runs, nor its COMMIT',
  async (major) => {
    const database = databaseOn(major);
    await database.query('create table grouped (n int)');
    await using session = await open(major);
    const insert = (n: string) => ({ text: `insert into public.grouped values (${n})` });
    const group = [
      { text: 'begin' },
      insert('1'),
      insert(`length('x') / 0`),
      insert('2'),
      { text: 'commit' },
    ];
    await expect(session.group(group)).rejects.toMatchObject({
      code: 'DATA_REJECTED',
      sqlstate: '22012',
    });
    await session.rollback();
    expect(await database.query('select n from public.grouped')).toEqual([]);

    const results = await session.group([
      { text: 'begin', name: 'begin' },
      { text: 'insert into public.grouped select $1::int', name: 'one', values: ['7'] },
      { text: 'insert into public.grouped select $1::int', name: 'one', values: ['8'] },
      { text: 'select n::text from public.grouped where n > $1::int order by n', values: ['0'] },
      { text: 'commit', name: 'commit' },
    ]);
    expect(results.map(({ command, rowCount, rows }) => [command, rowCount, rows])).toEqual([
      ['BEGIN', 0, []],
      ['INSERT', 1, []],
      ['INSERT', 1, []],
      ['SELECT', 2, [['7'], ['8']]],
      ['COMMIT', 0, []],
    ]);
  },
);

test.each(majors)(
  '%i: what a group prepared before it failed stays so, the rest is prepared anew',
  async (major) => {
    await using session = await open(major);
    const [begin, one, two] = ['begin', 'select 1', 'select 2'].map((text) => ({
      text,
      name: text,
    }));
    if (!begin || !one || !two) return;
    const divide = (by: string) => ({ text: 'select 1 / $1::int', name: 'divide', values: [by] });
    for (let i = 0; i < 3; i++) {
      const group = [begin, one, divide('0'), one, two];
      await expect(session.group(group)).rejects.toMatchObject({ sqlstate: '22012' });
      await session.rollback();
      const [kept] = await session.group([
        {
          text: `select string_agg(name, ', ' order by name) from pg_catalog.pg_prepared_statements
                 where name in ('begin', 'select 1')`,
        },
      ]);
      expect(kept?.rows).toEqual([['begin, select 1']]);
      expect(await session.group([one, two, divide('1')])).toMatchObject([
        { rows: [['1']] },
        { rows: [['2']] },
        { rows: [['1']] },
      ]);
    }
  },
);

test.each(majors)(
  '%i: a statement that a changed table made void is prepared anew',
  async (major) => {
    const database = databaseOn(major);
    await database.query('create table changed (n int)');
    await using session = await open(major);
    const all = { text: 'select * from public.changed', name: 'all' };
    await session.group([all]);
    await database.query('alter table changed add m int');
    // 0A000: cached plan must not change result type
    await expect(session.group([all])).rejects.toMatchObject({ sqlstate: '0A000' });
    expect(await session.group([all])).toMatchObject([{ rows: [] }]);
  },
);

test.each(majors)('%i: back to a savepoint, what was before it stays', async (major) => {
  await using session = await open(major);
  const text = { text: `select current_setting('my.own', true)` };
  const set = (value: string) => ({ text: `set local my.own = '${value}'` });
  await session.group([{ text: 'begin' }, set('first')]);
  const failing = [{ text: 'savepoint here' }, set('second'), { text: 'select 1 / 0' }];
  await expect(session.group(failing)).rejects.toMatchObject({ sqlstate: '22012' });
  await session.rollback('here');
  expect(await session.group([text])).toMatchObject([{ rows: [['first']] }]);
  await session.rollback();
});

test('a peer that falls silent is given up, and whoever waits is told', async () => {
  const major = majors[0] ?? 18;
  const proxy = await createProxy(databaseOn(major).server.port);
  try {
    const session = await open(major, { port: proxy.port, replyTimeoutMs: 300 });
    expect(await session.one('select 1 as n')).toEqual({ n: '1' });
    proxy.blackhole(true);
    const began = performance.now();
    await expect(session.query('select 1')).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(session.lost.reason).toBeInstanceOf(ReplicatorError);
    await session.close();
  } finally {
    await proxy.close();
  }
});

test('a clock that is set back meanwhile does not make it wait longer', async () => {
  const major = majors[0] ?? 18;
  const proxy = await createProxy(databaseOn(major).server.port);
  const now = Date.now;
  try {
    const session = await open(major, { port: proxy.port, replyTimeoutMs: 300 });
    // until the bytes of its begin are seen
    await sleep(300);
    proxy.blackhole(true);
    const reply = session.query('select 1').catch(asReplicatorError);
    vi.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000);
    expect(await Promise.race([reply, sleep(5_000)])).toMatchObject({ code: 'CONNECTION_LOST' });
    session.destroy();
  } finally {
    vi.restoreAllMocks();
    await proxy.close();
  }
});

test('a long query that only takes its time is not', async () => {
  const major = majors[0] ?? 18;
  await using session = await open(major, { replyTimeoutMs: 2_000 });
  expect(await session.one(`select 'x' as x, pg_sleep(0.5)::text as slept`)).toMatchObject({
    x: 'x',
  });
});

test('a backend that is terminated aborts `lost` with a reason', async () => {
  const major = majors[0] ?? 18;
  await using session = await open(major);
  const lost = new Promise((resolve) => session.lost.addEventListener('abort', resolve));
  await databaseOn(major).query(`select pg_terminate_backend(${session.pid})`);
  await lost;
  expect(session.lost.reason).toMatchObject({ code: 'CONNECTION_LOST' });
  await expect(session.query('select 1')).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
});

test.each([
  ['a port where nobody listens', { port: 1 }, 'UNREACHABLE'],
  ['a database that is not there', { dbname: 'nowhere' }, 'DATABASE_MISSING'],
  ['a role that is not there', { user: 'nobody' }, 'AUTHENTICATION'],
])('%s', async (_, rest, code) => {
  const config = databaseConfig(databaseOn(majors[0] ?? 18), rest);
  const connected = Session.connect(config, { purpose: 'control', name: 'b' });
  await expect(connected).rejects.toMatchObject({ code });
});

test('a statement that takes long is waited for, as its server is at work', async () => {
  await using session = await open(newest, { askAfterMs: 200 });
  await session.query('select pg_sleep(2)');
  expect(session.lost.aborted).toBe(false);
});

test('a statement that a silent network swallowed is given up, long before its reply is due', async () => {
  const proxy = await createProxy(databaseOn(newest).server.port);
  await using session = await open(newest, { askAfterMs: 300, port: proxy.port });
  proxy.blackhole(true);
  const began = Date.now();
  await expect(session.query('select 1')).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  expect(Date.now() - began).toBeLessThan(20_000);
  await proxy.close();
}, 40_000);

test('a reply that was lost is not waited for: the server waits for us', async () => {
  const proxy = await createProxy(databaseOn(newest).server.port);
  await using session = await open(newest, { askAfterMs: 300, port: proxy.port });
  proxy.onServerData = (chunk) => (chunk.includes('lost reply') ? 'lose' : undefined);
  await expect(session.query(`select 'lost reply'`)).rejects.toMatchObject({
    code: 'CONNECTION_LOST',
  });
  await proxy.close();
});
