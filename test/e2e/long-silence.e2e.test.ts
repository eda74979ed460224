// A network that swallows everything for long, without a word: it is found out, and all goes on within
// seconds of its end.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { createOneWay } from './scenarios/one-way.ts';

test.each(['source', 'target'] as const)(
  'the %s is silent for a minute',
  async (which) => {
    await using world = await createOneWay(
      { server: await sharedServer(newest), patienceMs: 30_000 },
      ['b', 'c'],
    );
    const replicator = await world.start();
    await world.settle();
    const { proxy } = which === 'source' ? world.source : world.target;
    proxy.blackhole(true);
    const from = replicator.logs.length;
    await world.source.database.query(`insert into log values ('in the silence')`);
    if (which === 'target') await world.settle(['c']);
    await replicator.waitForLog(
      ({ code, level }) =>
        level === 'warn' && (code === 'CONNECTION_LOST' || code === 'UNREACHABLE'),
      { from, timeoutMs: 60_000 },
    );
    await sleep(20_000);
    proxy.blackhole(false);
    const healed = performance.now();
    await world.settle();
    expect(performance.now() - healed).toBeLessThan(30_000);
  },
  180_000,
);
