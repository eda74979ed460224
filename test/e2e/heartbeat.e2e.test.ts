// The age of what a target has is known also after hours in which nobody wrote.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { holdLock } from '../support/hold-lock.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { createOneWay } from './scenarios/one-way.ts';

test('with a heartbeat the lag after an idle time is that of the new change', async () => {
  await using world = await createOneWay({
    server: await sharedServer(newest),
    file: { heartbeat: '1s', apply: { lock_timeout: '10s' } },
  });
  await world.start();
  await world.settle();
  const idleMs = 20_000;
  await sleep(idleMs);
  const lock = await holdLock(world.target.database, 'lock table log');
  await world.source.database.query(`insert into log values ('after the pause')`);
  const seconds = await eventually(
    async () => {
      const { stdout } = await runCli(['status', '-c', world.config, '--output', 'json']);
      const [one] = JSON.parse(stdout).subscriptions;
      expect(one.lagSeconds).toBeGreaterThan(0);
      return Number(one.lagSeconds);
    },
    { what: 'a lag', timeoutMs: 15_000 },
  );
  expect(seconds).toBeLessThan(idleMs / 1_000);
  await lock.release();
  await world.settle();
}, 90_000);
