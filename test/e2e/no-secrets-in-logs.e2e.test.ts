// What passes through must not leak: passwords and row values, whatever goes wrong, at level debug.
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import { stopCleanly } from '../support/replication.ts';
import { killReplicators, startReplicator } from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { newest } from '../support/servers-for-tests.ts';
import { writeSyncFile } from '../support/sync-file.ts';

const password = 'pw-Secret+98765';
const marker = 'row-secret-43210';
const markerBytes = Buffer.from(marker).toString('hex');

let server: PostgresServer;
let source: TestDatabase;
let target: TestDatabase;

beforeAll(async () => {
  server = await startServer({ major: newest, name: 'secrets' });
  await server.query(
    'postgres',
    `create role app superuser replication login password '${password}'`,
  );
  const hba = join(server.dataDirectory, 'pg_hba.conf');
  const rules = await readFile(hba, 'utf8');
  await writeFile(hba, 'host all app 127.0.0.1/32 scram-sha-256\n');
  await appendFile(hba, rules);
  await server.restart();
  source = await createDatabase(server, 'secrets source');
  target = await createDatabase(server, 'secrets target');
}, 60_000);

afterEach(killReplicators);

afterAll(async () => {
  await Promise.all([source.drop(), target.drop()]);
  await assertNothingLeft(server);
  await server.remove();
});

test('neither in the output, nor in the process list, nor in our tables', async () => {
  const asApp = ({ url }: TestDatabase) => ({
    url: url.replace('postgres@', `app:${encodeURIComponent(password)}@`),
  });
  const path = writeSyncFile(
    {
      a: { database: asApp(source), role: 'source' },
      b: { database: asApp(target), role: 'target' },
    },
    { file: { log: { level: 'debug' } } },
  );
  const tables = `
    create type mood as enum ('ok');
    create table fine (id int primary key, v text);
    create table uniques (id int primary key, v text);
    create table checks (id int primary key, v text);
    create table moods (id int primary key, v mood);
    create table raising (id int primary key, v text);
    create table raising_own (id int primary key, v text);
    create table raising_known (id int primary key, v text);`;
  await source.query(tables);
  await target.query(`${tables}
    alter table checks add constraint c check (v not like '%secret%');
    create function complain() returns trigger language plpgsql as $$
      begin
        raise exception 'no %', new.v
          using errcode = tg_argv[0], detail = new.v, hint = new.v;
      end $$;
    ${complaining('raising', 'P0001')}
    ${complaining('raising_own', 'MY001')}
    ${complaining('raising_known', '42501')}`);

  let output = '';
  const run = async (command: string, ...flags: string[]) => {
    const { stdout, stderr } = await runCli([command, '-c', path, ...flags]);
    output += stdout + stderr;
  };
  await run('init', '--dry-run');
  await run('init');
  await run('config');
  // refused by the target while it is applied, and mended there
  const failures = [
    { table: 'checks', mend: 'alter table checks drop constraint c' },
    ...['raising', 'raising_own', 'raising_known'].map((table) => ({
      table,
      mend: `drop trigger complain on ${table}`,
    })),
    { table: 'moods', mend: `alter type mood add value '${marker}'` },
    { table: 'uniques', mend: 'delete from uniques' },
  ];
  for (const [i, { table, mend }] of failures.entries()) {
    const replicator = startReplicator(path);
    await replicator.waitForLog('streaming');
    output += await readFile(`/proc/${replicator.pid}/cmdline`, 'utf8');
    await source.query(`insert into fine values (${i}, '${marker}')`);
    await run('wait');
    // only now, as they would be noticed before
    if (table === 'moods') await source.query(mend);
    if (table === 'uniques') {
      await target.query(
        `create unique index on uniques (v); insert into uniques values (99, '${marker}')`,
      );
    }
    await source.query(`insert into ${table} values (1, '${marker}')`);
    await replicator.waitForLog(({ level }) => level === 'error');
    await run('status');
    await run('status', '--output', 'json');
    output += await ourTables();
    await stopCleanly(replicator);
    output += text(replicator.logs) + replicator.stderr;
    await target.query(mend);
  }
  await server.query('postgres', `alter role app password 'another'`);
  await run('status');
  await run('init');
  await server.query('postgres', `alter role app password '${password}'`);
  await run('teardown', '--yes');

  for (const code of ['UNIQUE_VIOLATION', 'DATA_REJECTED', 'AUTHENTICATION', 'MY001', '42501'])
    expect(output).toContain(code);
  for (const secret of [password, encodeURIComponent(password), marker, markerBytes])
    expect(output).not.toContain(secret);
}, 120_000);

/** A trigger that refuses every row, with that SQLSTATE. */
function complaining(table: string, sqlstate: string): string {
  return `
    create trigger complain before insert on ${table}
      for each row execute function complain('${sqlstate}');
    alter table ${table} enable always trigger complain;`;
}

/** Every row of schema replicator, and what the server shows of our sessions. */
async function ourTables(): Promise<string> {
  let all = '';
  for (const database of [source, target]) {
    const tables = await database.query(
      `select relname as name from pg_class where relnamespace = 'replicator'::regnamespace
         and relkind = 'r' and relname <> 'differences'`,
    );
    for (const { name } of tables)
      all += text(await database.query(`select t::text from replicator.${name} t`));
    all += text(await database.query('select application_name from pg_stat_activity'));
  }
  return all;
}

function text(value: unknown): string {
  return JSON.stringify(value);
}
