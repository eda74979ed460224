// A person lets a target rest: it is told to the source, not to the daemon, and holds for every one.
import { expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { createProxy } from '../support/proxy.ts';
import { stopCleanly, tearDown } from '../support/replication.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, oldest, sharedServer } from '../support/servers-for-tests.ts';
import { source, target, writeSyncFile } from '../support/sync-file.ts';
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

test('of a sync with a source that is away the others are paused and resumed', async () => {
  const server = await sharedServer(newest);
  const members: Record<string, TestDatabase> = {};
  for (const name of ['a', 'b', 'c']) {
    members[name] = await createDatabase(server, `pause ${name}`);
    await members[name].query('create table t (id int primary key)');
  }
  const { a, b, c } = members as { a: TestDatabase; b: TestDatabase; c: TestDatabase };
  const proxy = await createProxy(server.port);
  const config = writeSyncFile({ a: source(a), b: source(b, proxy.port), c: target(c) });
  try {
    expect(await runCli(['init', '-c', config])).toMatchObject({ code: 0 });
    await proxy.refuse(true);
    const states = async () => {
      const rows = await a.query(
        `select target, paused from replicator.subscriptions where target <> 'a' order by 1`,
      );
      return rows.map((row) => `${row['target']} ${row['paused']}`);
    };
    const why = `b (127.0.0.1:${proxy.port}/${b.name}): connect ECONNREFUSED 127.0.0.1:${proxy.port}`;
    expect(await runCli(['pause', 'app', '-c', config])).toMatchObject({
      code: 69,
      stdout: 'a:b: paused\na:c: paused\n',
      stderr: `replicator: b:a, b:c not paused: ${why}\n  UNREACHABLE: is the server up, and host, port and network right?\n`,
    });
    expect(await states()).toEqual(['b t', 'c t']);
    const resumed = await runCli(['resume', 'app', '--json', '-c', config]);
    expect(resumed).toMatchObject({
      code: 69,
      stderr: expect.stringContaining(`b:a, b:c not resumed: ${why}\n`),
    });
    expect(JSON.parse(resumed.stdout)).toMatchObject({ resumed: ['a:b', 'a:c'] });
    expect(await states()).toEqual(['b f', 'c f']);
    expect(await runCli(['pause', 'b:c', '-c', config])).toMatchObject({ code: 69, stdout: '' });
  } finally {
    await proxy.refuse(false);
    await tearDown(config);
    await proxy.close();
    for (const database of Object.values(members)) await database.drop();
  }
});
