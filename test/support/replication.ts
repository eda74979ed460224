// What the e2e tests say again and again about a running replicator and its databases.
import { copyFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { TestDatabase } from './database.ts';
import { eventually } from './eventually.ts';
import type { PostgresServer } from './postgres-server.ts';
import type { LogLine, ReplicatorProcess } from './replicator-process.ts';
import { type CliResult, runCli } from './run-cli.ts';
import type { Row } from './text-query.ts';

type Queryable = Pick<TestDatabase, 'query'>;

/** Until the log, from line `from` on, says that each of the subscriptions streams. */
export async function untilStreaming(
  replicator: ReplicatorProcess,
  subscriptions: readonly string[],
  options: { from?: number; timeoutMs?: number } = {},
): Promise<void> {
  for (const subscription of subscriptions)
    await replicator.waitForLog(
      (line) => line['subscription'] === subscription && line['state'] === 'streaming',
      options,
    );
}

/** Resolves once it has let go of its target. */
export async function pause(
  replicator: ReplicatorProcess,
  config: string,
  subscription: string,
): Promise<void> {
  const from = replicator.logs.length;
  expect(await runCli(['pause', subscription, '-c', config])).toMatchObject({ code: 0 });
  await replicator.waitForLog(isPausedOf(subscription), { from });
}

export function isPausedOf(subscription: string): (line: LogLine) => boolean {
  return (line) => line['subscription'] === subscription && line['state'] === 'paused';
}

export async function resume(config: string, subscription: string): Promise<void> {
  expect(await runCli(['resume', subscription, '-c', config])).toMatchObject({ code: 0 });
}

/** Another session of that subscription alone. */
export async function pauseAndResume(
  replicator: ReplicatorProcess,
  config: string,
  subscription: string,
): Promise<void> {
  await pause(replicator, config, subscription);
  const from = replicator.logs.length;
  await resume(config, subscription);
  await untilStreaming(replicator, [subscription], { from });
}

/** As an editor and `kill -HUP` do. Gives the number of lines that were logged before. */
export function reload(replicator: ReplicatorProcess, config: string, file: string): number {
  const from = replicator.logs.length;
  copyFileSync(file, config);
  replicator.signal('SIGHUP');
  return from;
}

/** `replicator wait`: whatever was committed until now is on every target. */
export async function waitForAll(config: string, timeout = '30s'): Promise<void> {
  const args = ['wait', '-c', config, '--timeout', timeout];
  const result = await runCli(args, { timeoutMs: 180_000 });
  expect(result).toMatchObject({ code: 0, stderr: '' });
}

/** The same of what is replicated; `tables`, such as `a:b: public.t`, are not. */
export async function waitForAllBut(tables: string, config: string): Promise<void> {
  const result = await runCli(['wait', '-c', config, '--timeout', '10s']);
  expect(result.stderr).toContain(`after 10 s not replicated: ${tables}\n`);
  expect(result.code).toBe(75);
}

/** `replicator teardown`, which must say that it left nothing. */
export async function tearDown(config: string): Promise<CliResult> {
  const result = await runCli(['teardown', '-c', config]);
  expect(result).toMatchObject({ code: 0, stderr: '' });
  return result;
}

/** Exit code 0 after SIGTERM, within the configured ten seconds, and nothing but a log. */
export async function stopCleanly(replicator: ReplicatorProcess): Promise<void> {
  const { code, signal, ms } = await replicator.stop();
  expect({ code, signal }).toEqual({ code: 0, signal: null });
  expect(ms).toBeLessThan(10_000);
  expect(replicator.stderr).toBe('');
}

/** Every row, as text and in order. */
export async function rowsOf(database: Queryable, table: string): Promise<string[]> {
  const rows = await database.query(`select t::text as row from ${table} t order by 1`);
  return rows.map(({ row }) => row ?? '');
}

/** For tables that are too large to be shown: how many rows, and a hash of them all. */
export async function digestOf(database: Queryable, table: string): Promise<Row | undefined> {
  const [row] = await database.query(
    `select count(*), sum(hashtextextended(t::text, 0)::numeric) from ${table} t`,
  );
  return row;
}

export async function untilEqual(
  first: Queryable,
  second: Queryable,
  table: string,
  timeoutMs = 20_000,
): Promise<void> {
  await eventually(
    async () => {
      expect(await digestOf(second, table)).toEqual(await digestOf(first, table));
    },
    { timeoutMs, intervalMs: 50, what: `equal rows in ${table}` },
  );
}

/** The rows that were ever applied on this database, by the other source that sent them. */
export async function appliedRows(database: Queryable): Promise<Row[]> {
  return await database.query(
    `select source, inserts, updates, deletes, truncates from replicator.progress
     where source <> (select database from replicator.installation) order by 1`,
  );
}

/** Backends need a moment to notice that their client has gone. */
export async function expectNoSessions(servers: Iterable<PostgresServer>): Promise<void> {
  for (const server of new Set(servers))
    await eventually(
      async () => {
        const sessions = await server.query(
          'postgres',
          `select application_name, state, wait_event from pg_stat_activity
           where application_name like 'replicator%'`,
        );
        expect(sessions).toEqual([]);
      },
      { timeoutMs: 5_000, what: 'the end of all sessions' },
    );
}
