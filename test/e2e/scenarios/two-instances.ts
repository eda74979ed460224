// Two daemons on one file: one works, the other stands by and takes over when the first is gone. One
// that was asleep meanwhile must not act on what it remembers.
import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { createProxy } from '../../support/proxy.ts';
import type { ReplicatorProcess } from '../../support/replicator-process.ts';
import { confirmedPositions } from '../../support/wire-messages.ts';
import { createOneWay, type OneWay, type Scenario } from './one-way.ts';

export async function secondStandsByAndTakesOver(scenario: Scenario): Promise<void> {
  await using world = await createOneWay(scenario);
  const first = await world.start();
  await world.settle();
  const second = world.launch();
  await untilItStandsBy(world, second);
  for (let i = 0; i < 20; i++) {
    await world.source.database.query(`insert into log values ('entry ${i}')`);
    // in the middle of the stream
    if (i === 10) await first.kill();
  }
  await world.settle();
  expect(streams(second)).toBe(true);
}

/** The first sleeps, its server processes end as they would when nobody answers, and it wakes up
 * when the second has done its work and is gone. */
export async function sleeperWakesUp(scenario: Scenario): Promise<void> {
  await using world = await createOneWay(scenario);
  const sleeper = await world.start();
  await world.settle();
  await putToSleep(world, sleeper);
  const second = await world.start();
  await world.settle();
  sleeper.signal('SIGCONT');
  await untilConnectionLost(world, sleeper);
  await world.settle();
  await second.kill();
  await world.settle();
  expect(sleeper.logs.filter(({ level }) => level === 'error')).toEqual([]);
}

/** As before, but the second is killed after it has applied and before it has confirmed: to the
 * sleeper the source sends what the target has already. */
export async function sleeperIsSentWhatTheOtherApplied(scenario: Scenario): Promise<void> {
  await using world = await createOneWay(scenario);
  const sleeper = await world.start();
  await world.settle();
  // else the second would confirm that at once, before it has applied anything
  await world.untilProgressIsConfirmed();
  await putToSleep(world, sleeper);

  const proxy = await createProxy(world.source.proxy.targetPort);
  try {
    const second = await world.start(world.writeConfig({ a: proxy }));
    const confirmed = await world.confirmedLsn();
    proxy.onClientData = (chunk) => {
      if (!confirmedPositions(chunk).some((lsn) => lsn > confirmed)) return undefined;
      second.signal('SIGKILL');
      return 'cut';
    };
    await world.source.database.query(`insert into log values ('applied by the second')`);
    await second.untilExit();
    await world.untilArrived('applied by the second');
  } finally {
    await proxy.close();
  }
  // it must be on the target again when the source sends
  world.source.proxy.onClientData = (chunk) => (chunk.includes('/walsender') ? 'cut' : undefined);
  const from = sleeper.logs.length;
  sleeper.signal('SIGCONT');
  await sleeper.waitForLog(({ state }) => state === 'streaming', {
    from,
    timeoutMs: world.patienceMs,
  });
  world.source.proxy.onClientData = undefined;
  await world.settle();
}

/** Asleep with a batch on its way: what it has sent may be carried out at any later time. */
export async function sleeperHasABatchOnItsWay(scenario: Scenario): Promise<void> {
  await using world = await createOneWay(scenario);
  const sleeper = await world.start();
  await world.settle();
  world.target.proxy.blackhole(true);
  const before = await world.confirmedLsn();
  await world.source.database.query(`insert into log values ('on its way')`);
  await world.untilReceived(before + 1n);
  sleeper.signal('SIGSTOP');
  const direct = await createProxy(world.target.proxy.targetPort);
  try {
    const second = await world.start(world.writeConfig({ b: direct }));
    await world.untilArrived('on its way');
    world.target.proxy.blackhole(false);
    expect(streams(second)).toBe(true);
    await world.settle();
    sleeper.signal('SIGCONT');
    await untilConnectionLost(world, sleeper);
    await world.settle();
  } finally {
    await direct.close();
  }
}

async function putToSleep(world: OneWay, replicator: ReplicatorProcess): Promise<void> {
  replicator.signal('SIGSTOP');
  await endSessions(world);
}

/** Both ends, as the servers do it to a client that does not answer. */
async function endSessions(world: OneWay): Promise<void> {
  for (const { database } of [world.source, world.target])
    await eventually(
      async () => {
        const ended = await database.server.query(
          'postgres',
          `select pg_terminate_backend(pid) from pg_stat_activity
           where application_name like 'replicator/%'`,
        );
        return ended.length === 0;
      },
      { what: `end of the sessions of ${database.name}` },
    );
}

async function untilItStandsBy(world: OneWay, replicator: ReplicatorProcess): Promise<void> {
  await replicator.waitForLog('standing by', { timeoutMs: world.patienceMs });
}

async function untilConnectionLost(world: OneWay, replicator: ReplicatorProcess): Promise<void> {
  await replicator.waitForLog(
    ({ code, subscription }) => code === 'CONNECTION_LOST' && subscription === 'a:b',
    { timeoutMs: world.patienceMs },
  );
}

function streams(replicator: ReplicatorProcess): boolean {
  return replicator.logs.some(({ msg }) => msg === 'streaming');
}
