import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { type PostgresServer, startServer } from '../../support/postgres-server.ts';
import { isRunning } from '../../support/process-tree.ts';
import { runningServerUrl } from '../../support/running-server.ts';
import { newest, oldest } from '../../support/servers-for-tests.ts';

const started: PostgresServer[] = [];

async function start(options: Parameters<typeof startServer>[0]): Promise<PostgresServer> {
  const server = await startServer(options);
  started.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.remove()));
});

const versions = [...new Set([oldest, newest])].filter((major) => !runningServerUrl(major));
const testOwn = test.skipIf(runningServerUrl(newest));

describe.each(versions)('PostgreSQL %i', (major) => {
  test('starts with what replication needs and the settings of the test', async () => {
    const server = await start({ major, settings: { max_slot_wal_keep_size: '64MB' } });
    const [row] = await server.query(
      'postgres',
      `select current_setting('server_version_num')::int / 10000 as major,
              current_setting('wal_level') as wal_level,
              current_setting('track_commit_timestamp') as commit_times,
              current_setting('max_slot_wal_keep_size') as kept,
              $1::int as parameter, null as nothing`,
      [42],
    );
    expect(row).toEqual({
      major: String(major),
      wal_level: 'logical',
      commit_times: 'on',
      kept: '64MB',
      parameter: '42',
      nothing: null,
    });
  });

  test('does not run as root', async () => {
    const server = await start({ major });
    expect(statSync(server.dataDirectory).uid).not.toBe(0);
    expect(await isRunning(server.pid())).toBe(true);
  });

  test('keeps committed rows and its port when it is killed, stopped and started', async () => {
    const server = await start({ major });
    const { port } = server;
    await server.query('postgres', 'create table kept (id int)');
    for (const [end, id] of [
      [() => server.kill(), 1] as const,
      [() => server.stop(), 2] as const,
    ]) {
      await server.query('postgres', 'insert into kept values ($1)', [id]);
      const pid = server.pid();
      await end();
      expect(await isRunning(pid)).toBe(false);
      await expect(server.query('postgres', 'select')).rejects.toThrow('ECONNREFUSED');
      await server.start();
    }
    expect(server.port).toBe(port);
    expect(await server.query('postgres', 'select id from kept order by id')).toEqual([
      { id: '1' },
      { id: '2' },
    ]);
    expect(await server.log()).toContain('was not properly shut down');
  });

  test('is another server than the next one', async () => {
    const identifiers = await Promise.all(
      [1, 2].map(async () => {
        const server = await start({ major });
        return await server.query('postgres', 'select system_identifier from pg_control_system()');
      }),
    );
    expect(identifiers[0]).not.toEqual(identifiers[1]);
  });

  test('takes a setting while it runs and gives it back', async () => {
    const server = await start({ major });
    const show = async () => (await server.query('postgres', 'show wal_sender_timeout'))[0];
    await server.set('wal_sender_timeout', '7s');
    expect(await show()).toEqual({ wal_sender_timeout: '7s' });
    await server.set('wal_sender_timeout', null);
    expect(await show()).toEqual({ wal_sender_timeout: '1min' });
  });
});

testOwn('a killed server takes a backend that is at work with it', async () => {
  const server = await start({ major: newest });
  const busy = server.query('postgres', 'select pg_sleep(60)').catch((error: Error) => error);
  await eventually(async () => {
    const [row] = await server.query(
      'postgres',
      `select count(*) from pg_stat_activity where query like '%pg_sleep(60)' and state = 'active'`,
    );
    return row?.['count'] === '1';
  });
  await server.kill();
  expect(await busy).toBeInstanceOf(Error);
  await server.start();
});

testOwn(
  'a server ends and its folder goes when the process that started it is killed',
  async () => {
    const support = fileURLToPath(new URL('../../support/postgres-server.ts', import.meta.url));
    const script = `
    const { startServer } = await import(${JSON.stringify(support)});
    const server = await startServer({ major: ${newest} });
    console.log(JSON.stringify({ pid: server.pid(), dataDirectory: server.dataDirectory }));
    setInterval(() => undefined, 1000);`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.once('data', (data: Buffer) => resolve(data.toString()));
      child.once('exit', () => reject(new Error('the process ended')));
    });
    const { pid, dataDirectory } = JSON.parse(line) as { pid: number; dataDirectory: string };
    expect(await isRunning(pid)).toBe(true);
    child.kill('SIGKILL');
    await eventually(async () => !(await isRunning(pid)) && !existsSync(dataDirectory));
  },
);
