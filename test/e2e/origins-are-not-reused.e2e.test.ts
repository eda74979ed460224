// PostgreSQL gives an origin the least id that is free, and rows tell by it who wrote them. An origin under the id of
// another source's rows would be taken for who wrote them, and its older changes would overwrite newer ones.
import { afterEach, expect, test, vi } from 'vitest';
import { startProgram } from '../support/built-program.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import {
  rowsOf,
  stopCleanly,
  tearDown,
  untilEqual,
  untilStreaming,
  waitForAll,
} from '../support/replication.ts';
import {
  killReplicators,
  ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { majors, newest, sharedServer } from '../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';

vi.setConfig({ testTimeout: 120_000 });

const all: TestDatabase[] = [];
let config: string | undefined;
afterEach(async () => {
  await killReplicators();
  if (config !== undefined) await tearDown(config);
  for (const database of all.splice(0)) await database.drop();
});

async function create(
  major: (typeof majors)[number],
  count: 3 | 4,
): Promise<[TestDatabase, TestDatabase, TestDatabase, TestDatabase]> {
  const server = await sharedServer(major);
  for (let i = 0; i < count; i += 1) all.push(await createDatabase(server, 'origins'));
  for (const { query } of all) await query('create table t (id int primary key, v text)');
  return all as [TestDatabase, TestDatabase, TestDatabase, TestDatabase];
}

/** The id by which each source is known, by source. */
async function idsOn(database: TestDatabase): Promise<Record<string, string>> {
  const rows = await database.query(
    `select p.source, o.roident::text as id from replicator.progress p
     join pg_replication_origin o on o.roname = p.origin`,
  );
  return Object.fromEntries(rows.map(({ source: name, id }) => [name, id]));
}

test('an older change that comes once its target has another name', async () => {
  const [a, b, c] = await create(newest, 3);
  const options = { sync: { initial_copy: 'if_empty' } };
  config = writeSyncFile({ a: source(a), b: source(b), c: target(c) }, options);
  const beside = (name: string) =>
    new ReplicatorProcess(startProgram(['run', '-c', config as string, '--source', name], {}));
  const [first, second] = [beside('a'), beside('b')];
  await untilStreaming(first, ['a:b', 'a:c']);
  await untilStreaming(second, ['b:a', 'b:c']);
  await a.query(`insert into t values (1, 'old')`);
  await waitForAll(config);
  await stopCleanly(second);
  await b.query(`update t set v = 'older, of b' where id = 1`);
  await a.query(`update t set v = 'newer, of a' where id = 1`);
  await untilEqual(a, c, 't');
  await stopCleanly(first);
  const ids = await idsOn(c);

  config = writeSyncFile({ a: source(a), b: source(b), c2: target(c) }, options);
  expect(await runCli(['init', '-c', config])).toMatchObject({ code: 0 });
  expect(await idsOn(c)).toEqual(ids);
  const third = startReplicator(config);
  await untilStreaming(third, ['a:b', 'b:a', 'a:c2', 'b:c2']);
  await waitForAll(config);
  for (const database of all) expect(await rowsOf(database, 't')).toEqual(['(1,"newer, of a")']);
  await stopCleanly(third);
  // And once more: by which name the source knows it is no longer that of the origin.
  config = writeSyncFile({ a: source(a), b: source(b), c3: target(c) }, options);
  const fourth = startReplicator(config);
  await untilStreaming(fourth, ['a:c3', 'b:c3']);
  for (const { query } of [a, b])
    expect(
      await query(`select target from replicator.subscriptions where target like 'c%'`),
    ).toEqual([{ target: 'c3' }]);
  await stopCleanly(fourth);
});

test.each(majors)('%i: a source in place of another', async (major) => {
  const [a, b, c, d] = await create(major, 4);
  const before = writeSyncFile({ a: source(a), b: source(b), c: target(c) });
  config = before;
  expect(await runCli(['init', '-c', before])).toMatchObject({ code: 0 });
  const former = await idsOn(c);
  // As docs/how-to/remove.md says.
  for (const { query } of [a, c])
    await query(`
      select pg_replication_origin_drop(origin) from replicator.progress where source = 'b';
      delete from replicator.progress where source = 'b';
      delete from replicator.tables where source = 'b';
      delete from replicator.subscriptions where target = 'b'`);
  await b.query(`
    select pg_drop_replication_slot('replicator_b');
    select pg_replication_origin_drop(origin) from replicator.progress;
    drop publication replicator_b; drop schema replicator cascade`);
  config = writeSyncFile({ a: source(a), d: source(d), c: target(c) });
  expect(await runCli(['init', '-c', config])).toMatchObject({ code: 0 });
  const { a: same, d: added } = await idsOn(c);
  expect(same).toBe(former['a']);
  expect(Object.values(former)).not.toContain(added);
});
