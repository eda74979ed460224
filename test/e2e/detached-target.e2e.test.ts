// A target that is dead, slow or paused delays nobody: it gets a slot of its own and comes back into
// the stream by itself, with every row once and in order.
import { expect, test } from 'vitest';
import { holdLock } from '../support/hold-lock.ts';
import { middle, newest, sharedServer } from '../support/servers-for-tests.ts';
import { startWriter } from '../support/writer.ts';
import { restsAndComesBack } from './scenarios/detach-steps.ts';
import { createOneWay } from './scenarios/one-way.ts';

test('a target that is dead at the start holds up nobody, and comes back', async () => {
  await using world = await createOneWay({ server: await sharedServer(newest) }, ['b', 'c']);
  const first = await world.start();
  await world.settle();
  await first.stop();
  await world.target.proxy.refuse(true);
  await world.start();
  await world.settle(['c']);
  await world.untilCopies(['b']);
  const confirmed = await world.confirmedLsn();
  await world.source.database.query(`insert into t select i, 'v' from generate_series(1, 1000) i`);
  await world.settle(['c']);
  expect(await world.isConfirmedSoon(confirmed + 1n)).toBe(true);
  await world.target.proxy.refuse(false);
  const writer = await startWriter(
    world.source.database,
    (n) => `insert into t values (${n + 1000}, 'w')`,
  );
  await world.untilCopies([]);
  await writer.stop();
  await world.settle();
});

test('a target that is locked while much is written does not slow down the other one', async () => {
  await using world = await createOneWay(
    {
      server: await sharedServer(newest),
      file: { apply: { lock_timeout: '500ms', queue_size: '1MB', batch_size: '256kB' } },
    },
    ['b', 'c'],
  );
  const replicator = await world.start();
  await world.settle();
  const lock = await holdLock(world.target.database, 'lock table t');
  for (let i = 0; i < 20; i++)
    await world.source.database.query(
      `insert into t select i, repeat('x', 100) from generate_series(${i * 1000}, ${i * 1000 + 999}) i`,
    );
  await world.settle(['c']);
  await world.untilCopies(['b']);
  await lock.release();
  const writer = await startWriter(
    world.source.database,
    (n) => `insert into t values (${n + 100_000}, 'w')`,
  );
  await world.untilCopies([]);
  await writer.stop();
  await world.settle();
  expect(replicator.logs.filter(({ level }) => level === 'error')).toEqual([]);
});

test.each([...new Set([middle, newest])])(
  '%i: a target that rests again and again gets every row once, in order',
  async (major) => {
    await restsAndComesBack({ server: await sharedServer(major) });
  },
);

test('what waits for a target stays within the bound of memory', async () => {
  const rows = 100_000;
  await using world = await createOneWay(
    {
      server: await sharedServer(newest),
      file: { apply: { lock_timeout: '500ms', queue_size: '4MB', batch_size: '1MB' } },
      nodeArgs: ['--max-old-space-size=64'],
      patienceMs: 60_000,
    },
    ['b', 'c'],
  );
  const replicator = await world.start();
  await world.settle();
  const lock = await holdLock(world.target.database, 'lock table t');
  // As text 100 MB, a transaction of 1 MB each.
  for (let i = 0; i < rows; i += 1_000)
    await world.source.database.query(
      `insert into t select i, repeat('x', 1000) from generate_series(${i}, ${i + 999}) i`,
    );
  await world.settle(['c']);
  await world.untilCopies(['b']);
  await lock.release();
  await world.untilCopies([]);
  await world.settle();
  expect(replicator.logs.filter(({ level }) => level === 'error')).toEqual([]);
}, 180_000);
