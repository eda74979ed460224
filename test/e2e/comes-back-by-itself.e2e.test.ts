// What passes, passes: whatever a server was troubled with, replication goes on by itself within
// seconds of its end, with every row once.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { OwnServer } from '../support/own-server.ts';
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { createOneWay, type OneWay } from './scenarios/one-way.ts';
import { troubles } from './scenarios/passing-troubles.ts';

/** Back-off grows to ten seconds; how long it has lasted must not matter beyond that. */
const withinMs = 15_000;

test.for(Object.entries(troubles))(
  '%s',
  { timeout: 120_000 },
  async ([name, { of, codes, begin, possible }], { skip }) => {
    if (possible?.() === false) skip('this machine does not let it be made');
    const cleared: (() => void)[] = [];
    const settings = { max_connections: '30', max_wal_senders: '8', deadlock_timeout: '3s' };
    const server = await OwnServer.create({ major: newest, settings, name: 'troubled' });
    const shared = await sharedServer(newest);
    try {
      await using world = await createOneWay({
        server: of === 'source' ? server : shared,
        targetServer: of === 'target' ? server : shared,
        patienceMs: 60_000,
        // A deadlock is to be found before this.
        file: { apply: { lock_timeout: name.includes('deadlock') ? '30s' : '500ms' } },
      });
      const replicator = await world.start();
      await write(world, 1);
      await world.settle();
      const from = replicator.logs.length;
      const end = await begin(world, server, (undo) => cleared.push(undo));
      await write(world, 101);
      const isTold = ({ code }: { code?: string }) => codes.some((each) => each === code);
      await replicator.waitForLog(isTold, { from });
      await sleep(3_000);
      const began = performance.now();
      await end();
      await world.settle();
      expect(performance.now() - began).toBeLessThan(withinMs);
      await write(world, 201);
      await world.settle();
      expect(replicator.logs.filter(({ level }) => level === 'error')).toEqual([]);
    } finally {
      for (const undo of cleared) undo();
      await server.remove();
    }
  },
);

async function write({ source }: OneWay, from: number): Promise<void> {
  for (let n = from; n < from + 20; n++)
    await source.database.query(`
      begin; insert into t values (${n}, 'new'); insert into log values ('row ${n}'); commit`);
}
