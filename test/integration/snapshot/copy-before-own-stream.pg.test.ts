// A copy is taken while the copied database has not yet read its own changes: what it removes for them later is in
// the snapshot, and must go from the copy as well.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseLsn } from '../../../src/model/lsn.ts';
import { Session } from '../../../src/postgres/session.ts';
import { copyMemory } from '../../../src/snapshot/copy-memory.ts';
import { copyTable } from '../../../src/snapshot/copy-table.ts';
import { exportSnapshot } from '../../../src/snapshot/exported-snapshot.ts';
import { databaseConfig } from '../../support/database-config.ts';
import { newest } from '../../support/servers-for-tests.ts';
import { type Master, Masters, type Written } from '../target/conflict/masters.ts';

const table = { schema: 'public', name: 't' };
const insert = (id: number, v: string): Written => ({
  sql: `insert into t values (${id}, '${v}')`,
  kind: 'insert',
});

let all: Masters;
let a: Master;
let b: Master;
let c: Master;

beforeEach(async () => {
  all = await Masters.create(
    [newest, newest, newest],
    'create table t (id int primary key, v text unique)',
  );
  [a, b, c] = all.masters as [Master, Master, Master];
});

afterEach(async () => {
  await all.close();
});

function routeOf(source: Master, target: Master) {
  const route = all.routes.find((each) => each.source === source && each.target === target);
  if (route === undefined) throw new Error('no route');
  return route;
}

/** Of a to c; a reads its own stream once the snapshot is taken. */
async function copyToC(): Promise<void> {
  const config = (master: Master) => databaseConfig(master.database, { name: master.name });
  await using source = await Session.connect(config(a), { purpose: 'copy', name: 'a' });
  await using snapshot = await exportSnapshot(source, 'copy_before_own_stream');
  // Under the origin of what a sends afterwards.
  const target = routeOf(a, c).applier.session;
  await all.deliver(routeOf(a, a), a.stream.length);
  await copyMemory(table, source, target);
  await copyTable(table, {
    source,
    target,
    snapshot,
    reached: new Map(),
    feeds: ['a', 'b'].map((name) => ({ source: name, sync: 's' })),
    contenders: ['a', 'b', 'c'],
    untilTargetRemembers: async () => {},
    onProgress: () => {},
  });
  // As a subscription does: what is not behind the copy is left out.
  for (const from of [a, b]) {
    const [joined] = await target.query<{ at: string }>(
      'select copied_at::text as at from replicator.tables where source = $1',
      [from.name],
    );
    const copiedAt = parseLsn(joined?.at ?? '0/0');
    routeOf(from, c).delivered = from.stream.filter(({ endLsn }) => endLsn <= copiedAt).length;
  }
}

async function expectEqual(): Promise<void> {
  for (const route of all.routes) await all.deliver(route, Number.POSITIVE_INFINITY);
  const [ofA, ofB, ofC] = await all.rows('t');
  expect(ofB).toEqual(ofA);
  expect(ofC).toEqual(ofA);
}

test('a row that was older than a delete there', async () => {
  await all.write(b, [insert(1, 'of b')]);
  await all.write(a, [insert(1, 'of a')]);
  await all.write(a, [{ sql: 'delete from t', kind: 'delete' }]);
  await all.deliver(routeOf(b, a), 1);
  await copyToC();
  await expectEqual();
});

test('a row whose value another one had claimed there', async () => {
  await all.write(b, [insert(2, 'x')]);
  await all.write(a, [insert(1, 'x')]);
  await all.write(a, [{ sql: `update t set v = 'given up'`, kind: 'update' }]);
  await all.deliver(routeOf(b, a), 1);
  await copyToC();
  await expectEqual();
});

test.each([
  { kind: 'update', sql: `update t set v = 'older, of a'` },
  { kind: 'delete', sql: 'delete from t' },
] as const)('a row that was newer than a change there: $kind', async (older) => {
  await all.write(a, [insert(1, 'old')]);
  await all.deliver(routeOf(a, a), 1);
  await all.deliver(routeOf(a, b), 1);
  await all.write(a, [older]);
  await all.write(b, [{ sql: `update t set v = 'newer, of b'`, kind: 'update' }]);
  await all.deliver(routeOf(b, a), 1);
  await copyToC();
  await expectEqual();
  expect(await all.rows('t')).toContainEqual(['(1,"newer, of b")']);
});
