// `npm run demo`: two PostgreSQL masters on this machine, kept in sync before your eyes. With
// `--once` it ends by itself, with exit code 0 only if both sides are equal.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { loadConfig } from '../../src/config/load-config.ts';
import { readStatus } from '../../src/observability/read-status.ts';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import { compareMasters, showArrival } from './arrival.ts';

const isOnce = process.argv.includes('--once') || process.stdout.isTTY !== true;
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => stop.abort());
// A terminal that was closed must not keep us from cleaning up.
process.stdout.on('error', () => {});

const say = (text = '') => process.stdout.write(`${text}\n`);
const step = (text: string) => say(`\n▸ ${text}`);

const folder = await mkdtemp(join(tmpdir(), 'replicator-demo-'));
const cleanUp: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];

async function startMaster(name: string): Promise<PostgresServer> {
  const server = await startServer({ major: 18, name });
  cleanUp.push(() => server.remove());
  await server.query('postgres', `create database ${name}`);
  await server.query(name, 'create table test1 (a int primary key, b int)');
  return server;
}

async function startReplicator(path: string): Promise<void> {
  const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
  const child = spawn(process.execPath, [program, 'run', '-c', path], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Ctrl-C on the terminal is for us; we end the replicator in order.
    detached: true,
  });
  child.stdout.on('data', (lines: Buffer) => {
    for (const line of lines.toString().split('\n')) if (isTrouble(line)) say(`  ${line}`);
  });
  cleanUp.push(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
}

const isTrouble = (line: string) => /"level":"(warn|error)"/.test(line);

async function connect(server: PostgresServer, name: string): Promise<pg.Client> {
  const client = new pg.Client(server.url(name));
  client.on('error', () => {});
  await client.connect();
  cleanUp.push(() => client.end());
  return client;
}

async function showState(path: string): Promise<void> {
  const { subscriptions } = await readStatus(await loadConfig({ path }));
  for (const { subscription, state, lagBytes, inserts, updates, deletes } of subscriptions)
    say(
      `  ${subscription.padEnd(20)} ${state.padEnd(10)} lag ${lagBytes ?? '-'} B   ` +
        `${inserts} inserts, ${updates} updates, ${deletes} deletes applied`,
    );
}

async function play(): Promise<boolean> {
  step('two PostgreSQL servers, each with a table test1 (a int primary key, b int)');
  const [one, two] = [await startMaster('master_1'), await startMaster('master_2')];
  await one.query('master_1', 'insert into test1 select i, i * 10 from generate_series(1, 5) i');
  say('  five rows on master_1, none on master_2');

  const path = join(folder, 'replicator.yaml');
  const yaml = `databases:
  master_1: { host: 127.0.0.1, port: ${one.port}, dbname: master_1, user: postgres }
  master_2: { host: 127.0.0.1, port: ${two.port}, dbname: master_2, user: postgres }
relgroups:
  everything: { tables: ["public.*"] }
dbgroups:
  masters: { master_1: source, master_2: source }
syncs:
  both_ways: { relgroup: everything, dbgroup: masters, initial_copy: if_empty }
`;
  await writeFile(path, yaml, { mode: 0o600 });
  step(`replicator run -c ${path}`);
  say(yaml.replaceAll(/^/gm, '  ').trimEnd());
  await startReplicator(path);

  const first = { name: 'master_1', client: await connect(one, 'master_1') };
  const second = { name: 'master_2', client: await connect(two, 'master_2') };
  step('the initial copy');
  await showArrival(second, 'select from test1 having count(*) = 5', 'five rows', stop.signal, say);

  step('rows written on either side');
  await showArrival(
    second,
    'select from test1 where a = 6',
    'insert into test1 values (6, 60) on master_1',
    stop.signal,
    say,
    () => first.client.query('insert into test1 values (6, 60)'),
  );
  await showArrival(
    first,
    'select from test1 where a = 7',
    'insert into test1 values (7, 70) on master_2',
    stop.signal,
    say,
    () => second.client.query('insert into test1 values (7, 70)'),
  );
  await showArrival(
    second,
    'select from test1 where a = 1 and b = 11',
    'update test1 set b = 11 where a = 1 on master_1',
    stop.signal,
    say,
    () => first.client.query('update test1 set b = 11 where a = 1'),
  );

  const equal = await compareMasters(first.client, second.client);
  step(equal ? 'both sides are equal' : 'THE SIDES DIFFER');
  await showState(path);
  if (isOnce) return equal;

  step('try it yourself; Ctrl-C ends the demo and leaves nothing');
  say(`  psql ${one.url('master_1')}`);
  say(`  psql ${two.url('master_2')}`);
  while (!stop.signal.aborted) {
    await sleep(5_000, undefined, { signal: stop.signal }).catch(() => {});
    if (stop.signal.aborted) break;
    say();
    await showState(path);
  }
  return equal;
}

let equal = false;
try {
  equal = await play();
} catch (error) {
  if (!stop.signal.aborted) say(`\n${error instanceof Error ? error.message : error}`);
  equal = stop.signal.aborted;
} finally {
  say('\nstopping');
  for (const clean of cleanUp.reverse()) await clean().catch((error) => say(String(error)));
}
process.exitCode = equal ? 0 : 1;
