// A source that is new waits for the longest transaction of its server; what is set up already
// begins without it.
import { afterEach, expect, test } from 'vitest';
import { Session } from '../../src/postgres/session.ts';
import { writeConfig } from '../support/config-file.ts';
import { createDatabase } from '../support/database.ts';
import { databaseConfig } from '../support/database-config.ts';
import { eventually } from '../support/eventually.ts';
import {
  rowsOf,
  stopCleanly,
  tearDown,
  untilStreaming,
  waitForAll,
} from '../support/replication.ts';
import { killReplicators, type LogLine, startReplicator } from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';

afterEach(killReplicators);

test('a subscription that is set up does not wait for the setup of another', async () => {
  const a = await createDatabase(await sharedServer(oldest), 'slow setup a');
  const b = await createDatabase(await sharedServer(oldest), 'slow setup b');
  const fresh = await createDatabase(await sharedServer(newest), 'slow setup fresh');
  for (const database of [a, b]) await database.query('create table t (id int primary key)');
  for (const database of [fresh, b]) await database.query('create table u (id int primary key)');
  const databases = { a: { url: a.url }, b: { url: b.url } };
  const relgroups = { t: { tables: ['public.t'] } };
  const dbgroups = { old: { a: 'source', b: 'target' } };
  const old = { relgroup: 't', dbgroup: 'old' };
  const before = writeConfig({ databases, relgroups, dbgroups, syncs: { old } });
  expect(await runCli(['init', '-c', before])).toMatchObject({ code: 0 });

  const config = writeConfig({
    databases: { fresh: { url: fresh.url }, ...databases },
    relgroups: { u: { tables: ['public.u'] }, ...relgroups },
    dbgroups: { new: { fresh: 'source', b: 'target' }, ...dbgroups },
    syncs: { new: { relgroup: 'u', dbgroup: 'new' }, old },
  });
  const replicator = await (async () => {
    await using writer = await Session.connect(databaseConfig(fresh), {
      purpose: 'status',
      name: 'b',
    });
    await writer.query('begin');
    await writer.query('insert into public.u values (1)');
    const started = startReplicator(config);
    await untilStreaming(started, ['a:b'], { timeoutMs: 10_000 });
    // Whoever takes a source ends what reads its slots, and not what is making them.
    await started.waitForLog(({ msg, source }) => msg === 'took the source' && source === 'fresh');
    await writer.query('commit');
    return started;
  })();
  await untilStreaming(replicator, ['fresh:b']);
  await a.query('insert into t values (1)');
  await fresh.query('insert into u values (2)');
  await waitForAll(config);
  expect(await rowsOf(b, 't')).toEqual(['(1)']);
  expect(await rowsOf(b, 'u')).toEqual(['(2)']);
  await stopCleanly(replicator);
  expect(replicator.logs.filter(({ code }) => code !== undefined)).toEqual([]);
  await tearDown(config);
  for (const database of [a, b, fresh]) await database.drop();
});

test('a copy that waits begins again when its target was away', async () => {
  const a = await createDatabase(await sharedServer(newest), 'slow copy a');
  const b = await createDatabase(await sharedServer(oldest), 'slow copy b');
  for (const database of [a, b]) await database.query('create table t (id int primary key)');
  await a.query('insert into t values (1)');
  const config = writeSyncFile(
    { a: source(a), b: target(b) },
    { sync: { initial_copy: 'if_empty' } },
  );
  expect(await runCli(['init', '-c', config])).toMatchObject({ code: 0 });
  const replicator = await (async () => {
    await using writer = await Session.connect(databaseConfig(a), { purpose: 'status', name: 'u' });
    await writer.query('begin');
    await writer.query('insert into public.t values (2)');
    const started = startReplicator(config);
    const isCopying = ({ state }: LogLine) => state === 'copying';
    await started.waitForLog(isCopying);
    await eventually(async () => (await a.query(waiting)).length > 0);
    const from = started.logs.length;
    await b.query(`select pg_terminate_backend(pid) from pg_stat_activity
                   where application_name = 'replicator/a:b/apply'`);
    await started.waitForLog(isCopying, { from });
    await eventually(async () => (await a.query(waiting)).length > 0);
    await writer.query('commit');
    return started;
  })();
  await untilStreaming(replicator, ['a:b']);
  expect(await rowsOf(b, 't')).toEqual(['(1)', '(2)']);
  await stopCleanly(replicator);
  const codes = replicator.logs.flatMap(({ code }) => code ?? []);
  expect(codes).toEqual(['CONNECTION_LOST']);
  await tearDown(config);
  for (const database of [a, b]) await database.drop();
});

const waiting = `select from pg_replication_slots where slot_name = 'replicator_copy_a__b'`;
