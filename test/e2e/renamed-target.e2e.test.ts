// A target that has a slot of its own gets another name in the file: it goes on from its place, and that slot is gone
// once it has caught up.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createDatabases, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createProxy, type TcpProxy } from '../support/proxy.ts';
import {
  appliedRows,
  reload,
  resume,
  stopCleanly,
  tearDown,
  untilEqual,
  untilStreaming,
  waitForAll,
} from '../support/replication.ts';
import {
  killReplicators,
  type ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { majors, newest, sharedServer } from '../support/servers-for-tests.ts';
import { type Member, source, target, writeSyncFile } from '../support/sync-file.ts';

vi.setConfig({ testTimeout: 120_000 });

let a: TestDatabase;
let b: TestDatabase;
let c: TestDatabase;
/** In front of c. */
let proxy: TcpProxy;
let config: string;
let replicator: ReplicatorProcess;

async function create(major: (typeof majors)[number]): Promise<void> {
  const server = await sharedServer(major);
  const table = 'create table t (id int primary key, v text)';
  [a, b, c] = await createDatabases(server, ['renamed a', 'renamed b', 'renamed c'], table);
  proxy = await createProxy(server.port);
}

afterEach(async () => {
  await killReplicators();
  await proxy.refuse(false);
  await tearDown(config);
  await proxy.close();
  for (const database of [a, b, c]) await database.drop();
});

const named = (names: { b?: string; c: string }): Record<string, Member> => ({
  a: source(a),
  [names.b ?? 'b']: target(b),
  // In place of b, if it has that name.
  [names.c]: target(c, proxy.port),
});

/** The slots that belong to one target each, and whose they are. */
async function copies(): Promise<Record<string, string | null>> {
  const rows = await a.query(
    `select slot_name, (select target from replicator.slots s where s.slot_name = r.slot_name)
     from pg_replication_slots r
     where database = current_database() and slot_name <> 'replicator_a' order by 1`,
  );
  return Object.fromEntries(rows.map((row) => [row['slot_name'] ?? '', row['target'] ?? null]));
}

async function untilCopies(expected: Record<string, string | null>): Promise<void> {
  await eventually(async () => expect(await copies()).toEqual(expected), {
    timeoutMs: 20_000,
    what: `slots ${JSON.stringify(expected)}`,
  });
}

let rows = 0;
async function write(): Promise<void> {
  await a.query('insert into t values ($1)', [++rows]);
}

/** c is paused, and misses what the slot of all has let go. */
async function detach(): Promise<void> {
  expect(await runCli(['pause', 'a:c', '-c', config])).toMatchObject({ code: 0 });
  await untilCopies({ replicator_a__c: 'c' });
  await write();
  await untilEqual(a, b, 't');
  await eventually(async () => {
    const rows = await a.query(
      `select from pg_replication_slots o join pg_replication_slots c
         on o.slot_name = 'replicator_a' and c.slot_name = 'replicator_a__c'
       where o.confirmed_flush_lsn > c.confirmed_flush_lsn`,
    );
    expect(rows).toHaveLength(1);
  });
}

async function begin(): Promise<void> {
  rows = 0;
  config = writeSyncFile(named({ c: 'c' }));
  replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b', 'a:c']);
  await write();
  await waitForAll(config);
}

async function restart(members: Record<string, Member>): Promise<void> {
  await stopCleanly(replicator);
  config = writeSyncFile(members);
  replicator = startReplicator(config);
  await untilStreaming(replicator, ['a:b']);
}

async function goesOn(name: string): Promise<void> {
  await resume(config, `a:${name}`);
  await caughtUp();
}

/** Each row once on c, and no slot of its own left. */
async function caughtUp(): Promise<void> {
  await untilCopies({});
  await write();
  await untilEqual(a, c, 't');
  expect(await appliedRows(c)).toMatchObject([{ source: 'a', inserts: String(rows) }]);
  expect(await a.query('select slot_name, target from replicator.slots')).toEqual([
    { slot_name: 'replicator_a', target: null },
  ]);
  expect(replicator.logs.filter(({ level }) => level === 'error')).toEqual([]);
}

test.each(majors)('%i: when the replicator starts anew', async (major) => {
  await create(major);
  await begin();
  await detach();
  await restart(named({ c: 'c2' }));
  await untilCopies({ replicator_a__c: 'c2' });
  await write();
  await goesOn('c2');
});

describe('names that come and go', () => {
  beforeEach(async () => {
    await create(newest);
    await begin();
  });

  test('on SIGHUP, again and again, and back', async () => {
    await detach();
    await a.query(`insert into replicator.differences values ('c', 'public', 'gone')`);
    for (const name of ['c2', 'c3', 'c']) {
      reload(replicator, config, writeSyncFile(named({ c: name })));
      await untilCopies({ replicator_a__c: name });
      expect(
        await a.query(`select from replicator.differences where other not in ('b', $1)`, [name]),
      ).toEqual([]);
      await write();
    }
    await goesOn('c');
  });

  test('while it is away, so that nobody knows which one it is', async () => {
    await detach();
    await proxy.refuse(true);
    await restart(named({ c: 'c2' }));
    // As for any target that is away: it may be a new one.
    await untilCopies({ replicator_a__c: 'c', replicator_a__c2: 'c2' });
    await write();
    await untilEqual(a, b, 't');
    await proxy.refuse(false);
    await untilCopies({ replicator_a__c: 'c2' });
    await goesOn('c2');
  });

  test('while it is away, and held the slot of all', async () => {
    await stopCleanly(replicator);
    await write();
    await proxy.refuse(true);
    config = writeSyncFile(named({ c: 'c2' }));
    replicator = startReplicator(config);
    await untilCopies({ replicator_a__c2: 'c2' });
    await untilEqual(a, b, 't');
    await proxy.refuse(false);
    await caughtUp();
  });

  test('it has left the file, which is known once the others have been seen', async () => {
    await detach();
    await stopCleanly(replicator);
    config = writeSyncFile({ a: source(a), b: target(b) });
    replicator = startReplicator(config);
    await untilCopies({});
    expect(
      await a.query(
        'select target, given_up_at is null as has_place from replicator.subscriptions order by 1',
      ),
    ).toEqual([
      { target: 'b', has_place: 't' },
      { target: 'c', has_place: 'f' },
    ]);
    config = writeSyncFile(named({ c: 'c' }));
  });

  test.each<[string, { b?: string; c: string }, string[]]>([
    ['two that exchange their names', { b: 'c', c: 'b' }, ['c', 'b']],
    ['one that gets the name of one that has left', { c: 'b' }, ['b']],
  ])('%s are refused, and lose nothing', async (_, names, refused) => {
    await detach();
    await stopCleanly(replicator);
    config = writeSyncFile(named(names));
    expect((await runCli(['init', '-c', config])).stderr).toMatch(
      /this database was set up as ., and . is the name of another one/,
    );
    replicator = startReplicator(config);
    for (const name of refused)
      await replicator.waitForLog(
        (line) => line['subscription'] === `a:${name}` && line['code'] === 'CONFIGURATION',
      );
    await write();
    expect(await copies()).toEqual({ replicator_a__c: 'c' });
    await restart(named({ c: 'c' }));
    await untilEqual(a, b, 't');
    await goesOn('c');
  });

  test.each([
    ['before', 'update replicator.differences set other'],
    ['after', 'commit'],
  ])('killed %s it is recorded', async (moment, text) => {
    await detach();
    await stopCleanly(replicator);
    const between = await createProxy((await sharedServer(newest)).port);
    try {
      let isRenaming: unknown;
      between.onClientData = (chunk, connection) => {
        if (chunk.includes('update replicator.differences set other')) isRenaming = connection;
        if (isRenaming !== connection || !chunk.includes(text) || moment === 'after')
          return undefined;
        replicator.signal('SIGKILL');
        return 'cut';
      };
      between.onServerData = (chunk, connection) => {
        if (isRenaming !== connection || !chunk.includes('COMMIT')) return undefined;
        replicator.signal('SIGKILL');
        return 'cut';
      };
      config = writeSyncFile({ ...named({ c: 'c2' }), a: source(a, between.port) });
      replicator = startReplicator(config);
      await replicator.untilExit();
      expect(await copies()).toEqual({ replicator_a__c: moment === 'before' ? 'c' : 'c2' });
    } finally {
      await between.close();
    }
    config = writeSyncFile(named({ c: 'c2' }));
    replicator = startReplicator(config);
    await untilCopies({ replicator_a__c: 'c2' });
    await goesOn('c2');
  });
});
