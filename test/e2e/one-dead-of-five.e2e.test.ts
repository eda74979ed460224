// Five targets of which one is dead: the other four get everything at once, as if it were not there,
// in bounded memory; and it gets everything too when it is back.
import { expect, test } from 'vitest';
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { startWriter } from '../support/writer.ts';
import { createOneWay, type OneWay } from './scenarios/one-way.ts';

const living = ['c', 'd', 'e', 'f'];

const deaths = {
  'cannot be reached': ({ target }: OneWay, on: boolean) => target.proxy.refuse(on),
  'does not answer': async ({ target }: OneWay, on: boolean) => target.proxy.blackhole(on),
};

type Death = keyof typeof deaths;

async function five(): Promise<OneWay> {
  return await createOneWay(
    {
      server: await sharedServer(newest),
      file: { apply: { queue_size: '4MB', batch_size: '1MB' } },
      // Less than what is written while one of them is dead.
      nodeArgs: ['--max-old-space-size=64'],
      patienceMs: 60_000,
    },
    ['b', ...living],
  );
}

/** 80 MB as text; gives the longest that a row behind 1 MB took to arrive, in milliseconds. */
async function writeMuch(world: OneWay): Promise<number> {
  let longest = 0;
  for (let i = 1; i <= 80; i++) {
    await world.source.database.query(
      `insert into t select -i, repeat('x', 1000) from generate_series(${i}000, ${i}999) i`,
    );
    await world.source.database.query(`insert into log values ('behind ${i} MB')`);
    const began = performance.now();
    await world.untilArrived(`behind ${i} MB`, 'f');
    longest = Math.max(longest, performance.now() - began);
  }
  return longest;
}

/** The others have everything, and the slot of all goes on without the one that is dead. */
async function judgeWithout(world: OneWay): Promise<void> {
  await world.settle(living);
  await world.untilCopies(['b']);
  const confirmed = await world.confirmedLsn();
  await world.source.database.query(`insert into log values ('without it')`);
  await world.settle(living);
  expect(await world.isConfirmedSoon(confirmed + 1n)).toBe(true);
  expect(await world.has('without it')).toBe(false);
}

/** While more is written. */
async function judgeReturn(world: OneWay, revive: () => Promise<void>): Promise<void> {
  const writer = await startWriter(
    world.source.database,
    (n) => `insert into log values ('n ${n}'); select pg_sleep(0.005)`,
  );
  await revive();
  await world.untilCopies([]);
  await writer.stop();
  await world.settle();
  await world.expectOrder(['b', ...living]);
}

test.each(Object.keys(deaths) as Death[])(
  'one %s from the start to the end',
  async (death) => {
    await using world = await five();
    const first = await world.start();
    await world.settle();
    await first.stop();
    await deaths[death](world, true);
    const replicator = await world.start();
    expect(await writeMuch(world)).toBeLessThan(5_000);
    await judgeWithout(world);
    await judgeReturn(world, () => deaths[death](world, false));
    expect(replicator.logs.filter(({ level }) => level === 'error')).toEqual([]);
  },
  180_000,
);

test('one falls silent while much is written', async () => {
  await using world = await five();
  const replicator = await world.start();
  await world.settle();
  await deaths['does not answer'](world, true);
  expect(await writeMuch(world)).toBeLessThan(5_000);
  await judgeWithout(world);
  await judgeReturn(world, () => deaths['does not answer'](world, false));
  expect(replicator.logs.filter(({ level }) => level === 'error')).toEqual([]);
}, 180_000);
