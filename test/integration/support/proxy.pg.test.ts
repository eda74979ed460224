import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { createProxy, type TcpProxy } from '../../support/proxy.ts';
import { newest, sharedServer } from '../../support/servers-for-tests.ts';

let proxy: TcpProxy;
const clients: pg.Client[] = [];

// the second one when the socket held data that nobody had read
const connectionLost = /Connection terminated|ECONNRESET/;

async function connect(): Promise<pg.Client> {
  const url = new URL((await sharedServer(newest)).url('postgres'));
  url.port = String(proxy.port);
  const client = new pg.Client({ connectionString: url.href });
  client.on('error', () => undefined);
  clients.push(client);
  await client.connect();
  return client;
}

beforeEach(async () => {
  proxy = await createProxy((await sharedServer(newest)).port);
});

afterEach(async () => {
  await proxy.close();
  await Promise.allSettled(clients.splice(0).map((client) => client.end()));
});

test('passes on all of a large result and the end of the connection', async () => {
  const client = await connect();
  const { rows } = await client.query(`select repeat('x', 20000000) as x, $1::text as y`, [
    'y'.repeat(5_000_000),
  ]);
  expect([rows[0].x.length, rows[0].y.length]).toEqual([20_000_000, 5_000_000]);
  await client.end();
  await eventually(() => proxy.connections === 0);
});

test('cut breaks what is connected and lets others connect', async () => {
  const client = await connect();
  const query = client.query('select pg_sleep(1)');
  proxy.cut();
  await expect(query).rejects.toThrow(connectionLost);
  await (await connect()).query('select 1');
});

test('strand forgets what is connected without a word, on either side, and lets others connect', async () => {
  const client = await connect();
  const { rows } = await client.query('select pg_backend_pid() as pid');
  proxy.strand();
  const answer = client.query('select 1').then(
    () => 'answered',
    () => 'told',
  );
  const other = await connect();
  const silence = sleep(300).then(() => 'silent');
  expect(await Promise.race([answer, silence])).toBe('silent');
  client.connection.stream.destroy();
  await sleep(100);
  const there = 'select from pg_stat_activity where pid = $1';
  expect((await other.query(there, [rows[0].pid])).rowCount).toBe(1);
  proxy.cut();
  const asking = await connect();
  await eventually(async () => (await asking.query(there, [rows[0].pid])).rowCount === 0);
});

test('refuse turns new connections away and keeps the existing ones', async () => {
  const client = await connect();
  await proxy.refuse(true);
  await expect(connect()).rejects.toThrow('ECONNREFUSED');
  await client.query('select 1');
  await proxy.refuse(false);
  await (await connect()).query('select 1');
});

test('a black hole is silent, for old and new connections, until it ends', async () => {
  const client = await connect();
  proxy.blackhole(true);
  let answers = 0;
  const all = Promise.all([
    client.query('select 1').then(() => answers++),
    connect().then(() => answers++),
  ]);
  await sleep(150);
  expect(answers).toBe(0);
  expect(proxy.connections).toBe(2);
  proxy.blackhole(false);
  await all;
});

test('a black hole of one way lets the question pass and keeps the answer', async () => {
  const client = await connect();
  proxy.blackhole(true, 'toClient');
  let isAnswered = false;
  const query = client.query('create table asked ()').then(() => {
    isAnswered = true;
  });
  const server = await sharedServer(newest);
  const found = `select from pg_class where relname = 'asked'`;
  await eventually(async () => (await server.query('postgres', found)).length > 0);
  expect(isAnswered).toBe(false);
  proxy.blackhole(false);
  await query;

  proxy.blackhole(true, 'toServer');
  const drop = client.query('drop table asked');
  await sleep(100);
  expect(await server.query('postgres', found)).toHaveLength(1);
  proxy.blackhole(false);
  await drop;
});

test('a delay holds up both directions and keeps the order, also when it changes', async () => {
  const client = await connect();
  proxy.delayMs = 50;
  const began = performance.now();
  const query = client.query('select i from generate_series(1, 50000) as i');
  await sleep(60);
  proxy.delayMs = 0;
  const { rows } = await query;
  expect(performance.now() - began).toBeGreaterThanOrEqual(50);
  expect(rows.every((row, index) => row.i === index + 1)).toBe(true);

  proxy.delayMs = 50;
  const roundTrip = performance.now();
  await client.query('select 1');
  expect(performance.now() - roundTrip).toBeGreaterThanOrEqual(99);
});

test('a hook cuts before the client hears of its commit', async () => {
  const client = await connect();
  await client.query('create table if not exists hooked (id int)');
  await client.query('begin; insert into hooked values (1)');
  proxy.onServerData = (chunk) => (chunk.includes('COMMIT') ? 'cut' : undefined);
  await expect(client.query('commit')).rejects.toThrow(connectionLost);
  const server = await sharedServer(newest);
  expect(await server.query('postgres', 'select id from hooked')).toEqual([{ id: '1' }]);
  await server.query('postgres', 'drop table hooked');
});

test('a hook lets the first bytes of a chunk through and cuts behind them', async () => {
  const client = await connect();
  proxy.onClientData = (chunk) => {
    // a whole simple query, then one that is not complete
    const second = chunk.indexOf('Q', 1 + chunk.readUInt32BE(1));
    return second < 0 ? undefined : second + 3;
  };
  await client.query('create table if not exists partly (id int)');
  const simple = (sql: string) => {
    const body = Buffer.from(`${sql}\0`);
    const head = Buffer.alloc(5, 'Q');
    head.writeUInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  stream.write(
    Buffer.concat([
      simple('insert into partly values (1)'),
      simple('insert into partly values (2)'),
    ]),
  );
  const server = await sharedServer(newest);
  await eventually(async () => (await server.query('postgres', 'select from partly')).length > 0);
  await eventually(() => proxy.connections === 0);
  expect(await server.query('postgres', 'select id from partly')).toEqual([{ id: '1' }]);
  await server.query('postgres', 'drop table partly');
});

test('a cap holds the rate and keeps the order', async () => {
  const client = await connect();
  proxy.bytesPerSecond = 200_000;
  const began = performance.now();
  const { rows } = await client.query(`select i, repeat('x', 90) from generate_series(1, 1000) i`);
  proxy.bytesPerSecond = Number.POSITIVE_INFINITY;
  expect(performance.now() - began).toBeGreaterThan(400);
  expect(rows.every((row, index) => row.i === index + 1)).toBe(true);
});

test('a hook loses a reply, and nobody is told', async () => {
  const client = await connect();
  proxy.onServerData = (chunk) => (chunk.includes('lost') ? 'lose' : undefined);
  let answered = false;
  client.query(`select 'lost'`).then(
    () => {
      answered = true;
    },
    () => undefined,
  );
  await sleep(200);
  expect(answered).toBe(false);
  expect(proxy.connections).toBe(1);
  proxy.cut();
});
