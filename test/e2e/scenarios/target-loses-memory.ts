// The machine of a target is lost, and with it what was committed there and not yet on disk. Nothing of
// that may have been confirmed: the source would not send it again.
import { expect } from 'vitest';
import type { PostgresServer } from '../../support/postgres-server.ts';
import { runCli } from '../../support/run-cli.ts';
import { createOneWay, type Scenario } from './one-way.ts';

interface Crash extends Scenario {
  /** Its own: it is killed. */
  targetServer: PostgresServer;
}

/** Once the source has been told that a batch is there. */
export async function crashBehindConfirmation(scenario: Crash): Promise<void> {
  await loseMemory(scenario, () => {});
}

/**
 * The same, but the connection breaks when COMMIT has come to the target and what flushes it has not: the
 * next one finds the batch there, and confirms it.
 */
export async function crashBehindUnflushedCommit(scenario: Crash): Promise<void> {
  await loseMemory(scenario, (proxy) => {
    proxy.onClientData = (chunk) => {
      const name = chunk.indexOf('\0flush\0');
      if (name < 0) return undefined;
      proxy.onClientData = undefined;
      // The kind and the length of its Bind come before the portal's name, which is empty.
      return name - 5;
    };
  });
}

/** Behind COMMIT and before what flushes it, which we live to see: what has left our queue must come again. */
export async function crashBeforeFlush(scenario: Crash): Promise<void> {
  const { targetServer } = scenario;
  await using world = await createOneWay(scenario);
  await world.start();
  await world.settle();
  await world.untilProgressIsConfirmed();
  await freezeWalWriter(targetServer);
  const { proxy } = world.target;
  const flushIsDue = new Promise<void>((resolve) => {
    proxy.onClientData = (chunk) => {
      if (!chunk.includes('\0flush\0')) return undefined;
      resolve();
      return 'lose';
    };
  });
  await world.source.database.query(`insert into log values ('seen')`);
  await world.untilArrived('seen');
  await flushIsDue;
  await targetServer.kill();
  proxy.onClientData = undefined;
  await targetServer.start();
  await world.settle();
}

/** Once `replicator wait` has seen that a batch is there, whoever brought it. */
export async function crashBehindWait(scenario: Crash): Promise<void> {
  const { targetServer } = scenario;
  await using world = await createOneWay(scenario);
  const replicator = await world.start();
  await world.settle();
  await replicator.kill();
  await freezeWalWriter(targetServer);
  await world.target.database.query(`
    begin;
    set local synchronous_commit to off;
    update replicator.progress set lsn = 'FFFFFFFF/0';
    commit`);
  expect(await runCli(['wait', '-c', world.config])).toMatchObject({ code: 0 });
  await targetServer.kill();
  await targetServer.start();
  const [row] = await world.target.database.query('select lsn::text from replicator.progress');
  expect(row).toEqual({ lsn: 'FFFFFFFF/0' });
}

type World = Awaited<ReturnType<typeof createOneWay>>;

async function loseMemory(
  scenario: Crash,
  prepare: (proxy: World['target']['proxy']) => void,
): Promise<void> {
  const { targetServer } = scenario;
  await using world = await createOneWay(scenario);
  const replicator = await world.start();
  await world.settle();
  await freezeWalWriter(targetServer);
  prepare(world.target.proxy);
  await world.source.database.query(`insert into log values ('confirmed')`);
  await world.untilArrived('confirmed');
  await world.untilProgressIsConfirmed();
  // Nobody else is to bring it.
  await replicator.kill();
  await targetServer.kill();
  await targetServer.start();
  expect(await world.has('confirmed'), 'what was confirmed is there').toBe(true);
  await world.start();
  await world.settle();
}

/** It would write within 0.2 s what a COMMIT has left in memory. */
async function freezeWalWriter(server: PostgresServer): Promise<void> {
  const [row] = await server.query(
    'postgres',
    `select pid::text from pg_stat_activity where backend_type = 'walwriter'`,
  );
  process.kill(Number(row?.['pid']), 'SIGSTOP');
}
