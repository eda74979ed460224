// A person lets a target rest: it is told to the source, not to the daemon, and holds for every one.
import { expect, test } from 'vitest';
import { stopCleanly } from '../support/replication.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { createOneWay, type OneWay } from './scenarios/one-way.ts';

async function run(world: OneWay, ...args: string[]) {
  return await runCli([...args, '-c', world.config]);
}

async function statusOf(world: OneWay, subscription: string) {
  const { code, stdout } = await run(world, 'status', '--output', 'json');
  const { subscriptions, slots } = JSON.parse(stdout);
  const one = subscriptions.find(
    (each: { subscription: string }) => each.subscription === subscription,
  );
  return { code, one, slots };
}

const majors = [...new Set([oldest, newest])];

test.each(majors)(
  '%i: a target that is paused while no daemon runs rests until it is resumed',
  async (major) => {
    await using world = await createOneWay({ server: await sharedServer(major) }, ['b', 'c']);
    const first = await world.start();
    await world.settle();
    await stopCleanly(first);
    expect(await run(world, 'pause', 'a:b')).toMatchObject({ code: 0, stdout: 'a:b: paused\n' });
    expect((await statusOf(world, 'a:b')).one).toMatchObject({ state: 'paused' });

    const second = await world.start();
    await world.source.database.query(`insert into log values ('while paused')`);
    await world.settle(['c']);
    await world.untilCopies(['b']);
    const { code, one, slots } = await statusOf(world, 'a:b');
    expect({ code, one }).toMatchObject({
      code: 0,
      one: { state: 'paused', healthy: true, detached: true },
    });
    expect(slots).toMatchObject([
      { slotName: 'replicator_a', target: null, active: true },
      { slotName: 'replicator_a__b', target: 'b', active: false },
    ]);
    expect(await world.has('while paused')).toBe(false);

    // It survives a restart.
    await stopCleanly(second);
    await world.start();
    await world.source.database.query(`insert into log values ('still paused')`);
    await world.settle(['c']);
    expect(await world.has('while paused')).toBe(false);

    expect(await run(world, 'resume', 'a')).toMatchObject({
      code: 0,
      stdout: 'a:b: resumed\na:c: resumed\n',
    });
    await world.untilArrived('still paused');
    await world.settle();
    await world.untilCopies([]);
  },
);

test('what is not set up cannot be paused', async () => {
  await using world = await createOneWay({ server: await sharedServer(newest) });
  expect(await run(world, 'pause', 'a:b')).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('a:b is not set up yet'),
  });
});
