// Names that break programs which paste them into SQL, objects or formats; and roles and databases
// whose settings change what values look like.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import type { PostgresServer } from '../support/postgres-server.ts';
import { stopCleanly, tearDown, waitForAll } from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { expectEqual, initialize } from '../support/synced-databases.ts';

const names = [
  'a"b',
  'select',
  'x"; drop table t; --',
  "a'b",
  'a\\b',
  '%s',
  '$1',
  '__proto__',
  'constructor',
  'toString',
  '😀 ключ',
  'Mixed Case',
  'a.b',
  'x'.repeat(63),
];

let servers: PostgresServer[];
let source: TestDatabase;
let target: TestDatabase;

beforeAll(async () => {
  servers = [await sharedServer(newest), await sharedServer(oldest)];
});

async function createDatabases(what: string): Promise<void> {
  const [a, b] = servers as [PostgresServer, PostgresServer];
  [source, target] = await Promise.all([createDatabase(a, what), createDatabase(b, what)]);
}

afterEach(async () => {
  await killReplicators();
  await Promise.all([source.drop(), target.drop()]);
});

afterAll(async () => {
  await Promise.all(servers.map((server) => assertNothingLeft(server)));
});

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

test('schemas, tables and columns with hostile names are replicated like any other', async () => {
  await createDatabases('hostile names');
  // each name as a schema, as a table and as a column; keys of two columns with such names
  const tables = names.map((name, i) => ({ schema: names[(i + 5) % names.length] ?? '', name }));
  const ddl = tables.map(({ schema, name }, i) => {
    const columns = [0, 1, 2].map((k) => quote(names[(i + k) % names.length] ?? ''));
    return `create schema ${quote(schema)};
      create table ${quote(schema)}.${quote(name)}
        (${columns[0]} text, ${columns[1]} int, ${columns[2]} text, primary key (${columns[0]}, ${columns[1]}));`;
  });
  for (const database of [source, target]) await database.query(ddl.join('\n'));
  const labels = tables.map(({ schema, name }) => `${quote(schema)}.${quote(name)}`);
  const each = async (statement: (label: string, columns: string[]) => string) => {
    const statements = labels.map((label, i) =>
      statement(
        label,
        [0, 1, 2].map((k) => quote(names[(i + k) % names.length] ?? '')),
      ),
    );
    await source.query(statements.join(';'));
    await waitForAll(config);
    await Promise.all(labels.map((label) => expectEqual([source, target], label)));
  };
  // there before the copy
  for (const label of labels) await source.query(`insert into ${label} values ('copied', 1, 'x')`);

  const config = await initialize(
    { a: { database: source, role: 'source' }, b: { database: target, role: 'target' } },
    {
      relgroup: { tables: tables.map(({ schema, name }) => `${quote(schema)}.${quote(name)}`) },
      sync: { initial_copy: 'once', truncate: 'replicate' },
      file: { log: { level: 'debug' } },
    },
  );
  const replicator = startReplicator(config);
  await each((label) => `insert into ${label} values ('a', 1, 'x'), ('a', 2, null), ('%s', 3, '')`);
  await each((label, [, , value]) => `update ${label} set ${value} = 'it''s \\ "changed"'`);
  await each((label, [key]) => `update ${label} set ${key} = 'moved' where ${key} = '%s'`);
  await each((label, [key]) => `delete from ${label} where ${key} = 'a'`);
  await each((label) => `truncate ${label}`);
  await each((label) => `insert into ${label} values ('again', 1, 'x')`);

  const status = await runCli(['status', '-c', config, '--output', 'json']);
  expect(status).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(status.stdout)).toMatchObject({
    subscriptions: [{ subscription: 'a:b', state: 'streaming', tables: names.length }],
  });
  expect((await runCli(['status', '-c', config])).code).toBe(0);
  const dryRun = await runCli(['init', '--dry-run', '-c', config]);
  expect(dryRun).toMatchObject({ code: 0, stdout: '' });
  await stopCleanly(replicator);
  expect(replicator.logs.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  await tearDown(config);
}, 120_000);

const hostileSettings: Record<string, string> = {
  datestyle: 'SQL, DMY',
  intervalstyle: 'sql_standard',
  extra_float_digits: '-15',
  bytea_output: 'escape',
  timezone: 'Asia/Kathmandu',
  search_path: 'nowhere',
  xmloption: 'document',
  xmlbinary: 'hex',
  default_transaction_read_only: 'on',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  statement_timeout: '1ms',
  lock_timeout: '1ms',
  idle_in_transaction_session_timeout: '1ms',
  standard_conforming_strings: 'off',
  escape_string_warning: 'off',
  array_nulls: 'off',
  quote_all_identifiers: 'on',
  row_security: 'off',
  enable_indexscan: 'off',
  enable_bitmapscan: 'off',
  transform_null_equals: 'on',
  client_encoding: 'LATIN1',
  default_tablespace: '',
  client_min_messages: 'debug5',
};

test('settings of roles and databases change nothing', async () => {
  await createDatabases('hostile settings');
  const role = `hostile_${source.name.slice(-8)}`;
  try {
    for (const database of [source, target]) {
      await database.query(`
        create table values_of_types (
          id int primary key, d date, ts timestamp, tz timestamptz, t time, i interval,
          f4 float4, f8 float8, n numeric, b bytea, ta text[], x xml, j json, jb jsonb,
          r tstzrange, da daterange, ia int[], p point, u uuid, bi bit(5), m money, txt text)`);
      const major = database.server.major;
      const settings = {
        ...hostileSettings,
        ...(major >= 14 ? { idle_session_timeout: '100ms' } : {}),
        ...(major >= 17 ? { transaction_timeout: '100ms' } : {}),
      };
      await database.query(`create role ${role} superuser login`);
      for (const [name, value] of Object.entries(settings)) {
        await database.query(
          `alter role ${role} set ${name} = ${name === 'search_path' ? value : `'${value}'`}`,
        );
        if (name === 'client_encoding' || name.startsWith('default_transaction_r')) continue;
        await database.query(
          `alter role ${role} in database ${database.name} set ${name} = '${value}'`,
        );
      }
    }
    const as = ({ url }: TestDatabase) => ({ url: url.replace('postgres@', `${role}@`) });
    const config = await initialize(
      { a: { database: as(source), role: 'source' }, b: { database: as(target), role: 'target' } },
      { sync: { initial_copy: 'once' } },
    );
    const row = (id: number) => `
      (${id}, '2024-02-01', '2024-02-01 03:04:05.000006', '2024-02-01 03:04:05.000006+13:45',
       '23:59:59.999999', '-1 year -2 mons +3 days -04:05:06.000007', 0.1::float4 + 0.2::float4,
       0.1::float8 + 0.2::float8, 'NaN', '\\x00ff5c27', array['a"b', 'NULL', null, '\\', ''],
       '<a>1</a><b/>', '{"a": 1, "a": 12345678901234567890}', '{"b": 1e400}',
       '[2024-02-01 00:00+05:45,)', '[0044-03-15 BC,2024-02-01)', '[0:1]={1,2}', '(1e-300,0.1)',
       '00000000-0000-0000-0000-000000000001', '10101', '-1234.56',
       E'\\'\\\\ \\n \\u00e9 \\U0001F600 \\ufeff')`;
    await source.query(
      `set intervalstyle = postgres; insert into values_of_types values ${row(1)}`,
    );
    const replicator = startReplicator(config);
    await source.query(`insert into values_of_types values ${row(2)}, ${row(3)}`);
    await source.query(
      `update values_of_types set tz = 'infinity', f8 = '-0', f4 = '-infinity', n = 'NaN' where id = 3`,
    );
    await source.query(`insert into values_of_types (id) values (4)`);
    await waitForAll(config);
    expect(await expectEqual([source, target], 'values_of_types')).toMatch(/^4 rows/);
    expect((await runCli(['status', '-c', config])).code).toBe(0);
    await stopCleanly(replicator);
    expect(replicator.logs.filter(({ level }) => level === 'warn' || level === 'error')).toEqual(
      [],
    );
    await tearDown(config);
  } finally {
    await Promise.all([source.drop(), target.drop()]);
    for (const { server } of [source, target])
      await server.query('postgres', `drop role if exists ${role}`);
  }
}, 60_000);
