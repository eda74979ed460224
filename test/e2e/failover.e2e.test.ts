// A source is promoted, restored or rewound: replication goes on only where nothing can be missing,
// and otherwise says which tables are to be copied anew.
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import { OwnServer } from '../support/own-server.ts';
import { createProxy, type TcpProxy } from '../support/proxy.ts';
import { rowsOf, untilEqual, untilStreaming } from '../support/replication.ts';
import {
  killReplicators,
  type LogLine,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { majors, newest, sharedServer } from '../support/servers-for-tests.ts';
import {
  promote,
  standbySlot,
  startStandby,
  untilCaughtUp,
  untilSlotIsSynced,
} from '../support/standby.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';

let primary: OwnServer;
let a: TestDatabase;
let b: TestDatabase;
/** Where the file says that the source is. */
let address: TcpProxy;
let config: string;
const servers: OwnServer[] = [];

/** With a server of its own as the source, or as the target. */
async function setUp(
  major: (typeof majors)[number],
  role: 'source' | 'target' = 'source',
  keys: Record<string, unknown> = {},
): Promise<ReplicatorProcess> {
  primary = await OwnServer.create({ major, name: 'failover' });
  servers.push(primary);
  a = await createDatabase(primary, 'failover a');
  b = await createDatabase(await sharedServer(newest), 'failover b');
  for (const database of [a, b])
    await database.query(
      'create table t (id int primary key, v text); create table "T 2" (id int primary key)',
    );
  address = await createProxy(primary.port);
  config =
    role === 'source'
      ? writeSyncFile({ a: source(a, address.port), b: target(b) })
      : writeSyncFile({ a: { ...target(a, address.port), keys }, b: source(b) });
  const replicator = startReplicator(config);
  await untilStreaming(replicator, [role === 'source' ? 'a:b' : 'b:a']);
  return replicator;
}

// servers are copied, stopped and started in each
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

afterEach(async () => {
  await killReplicators();
  await address.close();
  await b.drop();
  const { server } = b;
  await server.query(
    'postgres',
    `select pg_replication_origin_drop(roname) from pg_replication_origin
     where roname = 'replicator_a__b'`,
  );
  for (const each of servers.splice(0)) await each.remove();
  await assertNothingLeft(server);
});

async function insert(server: OwnServer, from: number, to: number): Promise<void> {
  await server.query(
    a.name,
    `insert into t select i, 'row ' || i from generate_series(${from}, ${to}) i`,
  );
}

/** As `replicator wait` does it: progress is stored, and so the slot moves. */
async function mark(): Promise<void> {
  await a.query('update replicator.marker set marked = marked + 1');
}

/** As a database on that server. */
function on(server: OwnServer) {
  return { query: (sql: string) => server.query(a.name, sql) };
}

async function failOverTo(standby: OwnServer): Promise<void> {
  await primary.kill();
  await promote(standby);
  address.targetPort = standby.port;
  address.cut();
}

async function untilRefused(
  replicator: ReplicatorProcess,
  code: string,
  from = 0,
): Promise<LogLine> {
  return await replicator.waitForLog((line) => line.code === code && line.level === 'error', {
    from,
    timeoutMs: 40_000,
  });
}

const tables = /public\."T 2", public\.t|public\.t, public\."T 2"/;

describe.skipIf(newest < 17)('with a slot that the standby keeps in step', () => {
  test('goes on after a promotion, when the standby had all that the targets have', async () => {
    const replicator = await setUp(newest);
    const standby = await startStandby(primary);
    servers.push(standby);
    await insert(primary, 1, 100);
    await untilEqual(a, b, 't');
    await untilCaughtUp(primary, standby);
    await untilSlotIsSynced(primary, standby, 'replicator_a', mark);
    const from = replicator.logs.length;
    await failOverTo(standby);
    await insert(standby, 101, 200);
    await untilEqual(on(standby), b, 't', 40_000);
    expect(await rowsOf(b, 't')).toHaveLength(200);
    expect(replicator.logs.slice(from).filter(({ level }) => level === 'error')).toEqual([]);
    const [progress] = await b.query('select timeline from replicator.progress');
    expect(progress).toEqual({ timeline: '2' });
    // and it is the same afterwards, also for another process
    await replicator.stop();
    const next = startReplicator(config);
    await untilStreaming(next, ['a:b']);
    await insert(standby, 201, 300);
    await untilEqual(on(standby), b, 't');
  });

  test('refuses after a promotion, when a target has more than the standby had', async () => {
    const replicator = await setUp(newest);
    const standby = await startStandby(primary);
    servers.push(standby);
    await insert(primary, 1, 100);
    await untilEqual(a, b, 't');
    await untilCaughtUp(primary, standby);
    await untilSlotIsSynced(primary, standby, 'replicator_a', mark);
    await standby.stop();
    await insert(primary, 101, 200);
    await untilEqual(a, b, 't');
    await primary.kill();
    address.targetPort = standby.port;
    address.cut();
    await standby.start();
    await promote(standby);
    // what the new primary writes reaches beyond what was lost
    await insert(standby, 1_001, 5_000);
    const refusal = await untilRefused(replicator, 'GAP');
    expect(refusal['hint']).toMatch(tables);
    expect(refusal.msg).toMatch(/^a:b: a left timeline 1 at .*, and b has changes of it up to /);
    expect(await rowsOf(b, 't')).toHaveLength(200);
  });
});

test.skipIf(newest < 17)(
  'with synchronized_standby_slots no target gets what the standby has not, and a promotion is passed',
  async () => {
    const replicator = await setUp(newest);
    const standby = await startStandby(primary);
    servers.push(standby);
    await primary.set('synchronized_standby_slots', standbySlot);
    await insert(primary, 1, 100);
    await untilEqual(a, b, 't');
    await untilCaughtUp(primary, standby);
    await untilSlotIsSynced(primary, standby, 'replicator_a', mark);
    await standby.stop();
    const from = replicator.logs.length;
    await insert(primary, 101, 200);
    // Longer than a stream may be silent: it waits, and is not begun again.
    await sleep(20_000);
    expect(await rowsOf(b, 't')).toHaveLength(100);
    expect(replicator.logs.slice(from)).toEqual([]);
    await primary.kill();
    address.targetPort = standby.port;
    address.cut();
    await standby.start();
    await promote(standby);
    await standby.set('synchronized_standby_slots', null);
    await insert(standby, 1_001, 1_100);
    await untilEqual(on(standby), b, 't', 40_000);
    expect(await rowsOf(b, 't')).toHaveLength(200);
    expect(replicator.logs.slice(from).filter(({ level }) => level === 'error')).toEqual([]);
  },
);

test('without such a slot it refuses after a promotion, and names the tables', async () => {
  // from 17 on the slot could be there: it is not, as the standby was not told to keep it
  const major = majors.findLast((each) => each < 17) ?? newest;
  const replicator = await setUp(major);
  const standby = await startStandby(primary);
  servers.push(standby);
  if (major >= 17) await standby.set('sync_replication_slots', 'off');
  await insert(primary, 1, 100);
  await untilEqual(a, b, 't');
  await untilCaughtUp(primary, standby);
  await failOverTo(standby);
  await insert(standby, 101, 200);
  const refusal = await untilRefused(replicator, 'SLOT_MISSING');
  expect(refusal['hint']).toMatch(tables);
  expect(await rowsOf(b, 't')).toHaveLength(100);
  // A person says that they know, and it begins anew under the running daemon.
  expect(await runCli(['resync', 'a:b', '-c', config])).toMatchObject({ code: 0 });
  await b.query('truncate t, "T 2"');
  await untilEqual(on(standby), b, 't', 40_000);
  await insert(standby, 201, 300);
  await untilEqual(on(standby), b, 't');
  await replicator.stop();
});

describe('an older copy of the data directory', () => {
  let replicator: ReplicatorProcess;
  let copy: OwnServer;

  beforeEach(async () => {
    replicator = await setUp(newest);
    await insert(primary, 1, 100);
    await untilEqual(a, b, 't');
    await primary.stop();
    copy = await OwnServer.copyOf(primary, async () => {});
    servers.push(copy);
    await copy.stop();
    await primary.start();
    await untilStreaming(replicator, ['a:b'], { from: 1 });
  });

  async function restore(prepare = async () => {}): Promise<void> {
    await primary.stop();
    await primary.becomeCopyOf(copy);
    await prepare();
    await primary.start();
  }

  test('is refused while it lacks what the targets have', async () => {
    await insert(primary, 101, 200);
    await untilEqual(a, b, 't');
    const from = replicator.logs.length;
    await restore();
    const refusal = await untilRefused(replicator, 'IDENTITY', from);
    expect(refusal.msg).toMatch(/rewound or restored/);
    expect(await rowsOf(b, 't')).toHaveLength(200);
  });

  test('is refused after it has written beyond that, when it had another owner since', async () => {
    await replicator.stop();
    replicator = startReplicator(config);
    await untilStreaming(replicator, ['a:b']);
    await insert(primary, 101, 200);
    await untilEqual(a, b, 't');
    await replicator.stop();
    await restore();
    await insert(primary, 1_001, 5_000);
    const late = startReplicator(config);
    const refusal = await untilRefused(late, 'IDENTITY');
    expect(refusal.msg).toMatch(/restored or rewound/);
    expect(await rowsOf(b, 't')).toHaveLength(200);
    expect(await runCli(['resync', 'a:b', '-c', config])).toMatchObject({ code: 0 });
    await b.query('truncate t, "T 2"');
    await untilEqual(a, b, 't', 40_000);
    await insert(primary, 5_001, 5_100);
    await untilEqual(a, b, 't');
    await late.stop();
  });

  test('that was recovered to an end is refused after it has written beyond that', async () => {
    await insert(primary, 101, 200);
    await untilEqual(a, b, 't');
    await replicator.stop();
    const signal = join(primary.dataDirectory, 'recovery.signal');
    await restore(async () => {
      await writeFile(signal, '');
      await appendFile(
        join(primary.dataDirectory, 'postgresql.conf'),
        "restore_command = 'false'\n",
      );
      await primary.query.length;
    });
    await eventually(async () => {
      const [row] = await primary.query('postgres', 'select pg_is_in_recovery() as in_recovery');
      return row?.['in_recovery'] === 'f';
    });
    await rm(signal, { force: true });
    await insert(primary, 1_001, 5_000);
    const late = startReplicator(config);
    const refusal = await untilRefused(late, 'GAP');
    expect(refusal['hint']).toMatch(tables);
    expect(await rowsOf(b, 't')).toHaveLength(200);
  });
});

test('what a target has counts once its synchronous standby has it, also after a broken connection', async () => {
  const replicator = await setUp(newest, 'target');
  const standby = await startStandby(primary);
  servers.push(standby);
  await untilCaughtUp(primary, standby);
  await primary.set('synchronous_standby_names', standbySlot);
  await b.query(`insert into t values (1, 'on both')`);
  await untilEqual(b, a, 't');
  // Until then a flush is to come that would wait for the standby in place of the second row's.
  const before = await untilConfirmed();
  await standby.stop();
  await b.query(`insert into t values (2, 'on one disk only')`);
  await untilWaitingForStandby();
  expect(await confirmed()).toBe(before);
  // it is committed on that disk, and visible to whoever connects anew
  await primary.query(
    'postgres',
    `select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'`,
  );
  await untilEqual(b, a, 't');
  await untilWaitingForStandby();
  expect(await confirmed()).toBe(before);
  await standby.start();
  await eventually(async () => (await confirmed()) > before, { timeoutMs: 30_000 });
  await replicator.stop();
});

test.each(majors)(
  '%i: of a target the named standbys count too, and applying does not wait for them',
  async (major) => {
    const replicator = await setUp(major, 'target', { standby_slots: [standbySlot] });
    const standby = await startStandby(primary);
    servers.push(standby);
    await untilCaughtUp(primary, standby);
    await b.query(`insert into t values (1, 'on both')`);
    await untilEqual(b, a, 't');
    const [reached] = await a.query(`select lsn - '0/0' as lsn from replicator.progress`);
    await eventually(async () => (await confirmed()) >= BigInt(reached?.['lsn'] ?? 0), {
      timeoutMs: 30_000,
      what: 'confirmation of what both have',
    });
    const both = await runCli(['status', '-c', config, '-o', 'json']);
    expect(JSON.parse(both.stdout)).toMatchObject({
      standbys: [{ database: 'a', slotName: standbySlot, active: true }],
    });
    await standby.stop();
    const before = await untilConfirmed();
    const from = replicator.logs.length;
    for (let i = 2; i <= 20; i++) await b.query(`insert into t values (${i}, 'on one disk only')`);
    await untilEqual(b, a, 't');
    await b.query('update replicator.marker set marked = marked + 1');
    await replicator.waitForLog(({ level }) => level === 'warn', { from });
    expect(await confirmed()).toBe(before);
    expect(replicator.logs.at(-1)).toMatchObject({
      subscription: 'b:a',
      standbys: `${standbySlot} is not connected`,
    });
    const { stdout } = await runCli(['check', '-c', config]);
    expect(stdout).toContain(`a: no standby is connected to slot ${standbySlot}`);
    const status = await runCli(['status', '-c', config]);
    expect(status.stdout).toMatch(
      new RegExp(`^standby a/${standbySlot}: not connected, \\S+ .*WAL for it$`, 'm'),
    );

    // That one is promoted: what it lacks is sent again, since the source has kept it.
    await primary.kill();
    address.targetPort = standby.port;
    address.cut();
    await standby.start();
    await promote(standby);
    await untilEqual(b, on(standby), 't', 40_000);
    expect(await rowsOf(b, 't')).toHaveLength(20);
    expect(replicator.logs.filter(({ level }) => level === 'error')).toEqual([]);
    // It has no such standby itself.
    expect(await confirmed()).toBe(before);
    await replicator.stop();
    // Taken out of the file, it does not count any more.
    config = writeSyncFile({ a: target(a, address.port), b: source(b) });
    const next = startReplicator(config);
    await eventually(async () => (await confirmed()) > before, { timeoutMs: 30_000 });
    await next.stop();
  },
);

async function confirmed(): Promise<bigint> {
  const [row] = await b.query(
    `select confirmed_flush_lsn - '0/0' as lsn from pg_replication_slots where slot_name = 'replicator_b'`,
  );
  return BigInt(row?.['lsn'] ?? 0);
}

/** Of all that was written until now; nothing else writes on that server. */
async function untilConfirmed(): Promise<bigint> {
  let last: bigint | undefined;
  await eventually(
    async () => {
      const now = await confirmed();
      const isAtRest = now === last;
      last = now;
      return isAtRest;
    },
    { intervalMs: 2_000, timeoutMs: 30_000 },
  );
  return last ?? 0n;
}

async function untilWaitingForStandby(): Promise<void> {
  await eventually(
    async () => {
      const waiting = await primary.query(
        'postgres',
        `select from pg_stat_activity
         where wait_event = 'SyncRep' and application_name like 'replicator/b:a/apply%'`,
      );
      return waiting.length > 0;
    },
    { timeoutMs: 30_000, what: 'a commit that waits for the standby' },
  );
}
