// The process is no single point of failure: another one takes its place within ten seconds,
// whatever became of it, and nothing is lost, doubled, or written by the one that was replaced.
import { afterEach, describe, expect, test } from 'vitest';
import type { Status } from '../../src/observability/status.ts';
import { startProgram } from '../support/built-program.ts';
import { createDatabase } from '../support/database.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import { stopCleanly, tearDown, untilEqual, waitForAll } from '../support/replication.ts';
import {
  killReplicators,
  ReplicatorProcess,
  startReplicator,
} from '../support/replicator-process.ts';
import { runCli } from '../support/run-cli.ts';
import { majors, newest, sharedServer } from '../support/servers-for-tests.ts';
import { source, writeSyncFile } from '../support/sync-file.ts';
import {
  type Fault,
  faults,
  frozenOwnerCannotWrite,
  isTakeOver,
  ownerAndStandby,
  ownerKeepsItsSource,
  takeOver,
} from './scenarios/take-over.ts';

// TAKE_OVERS=20 measures, and prints the seconds
const rounds = Number(process.env['TAKE_OVERS'] || 1);

afterEach(killReplicators);

describe.each(majors)('PostgreSQL %i', (major) => {
  test.each(Object.keys(faults) as Fault[])(
    'taken over after %s',
    async (fault) => {
      const times: number[] = [];
      for (let round = 0; round < rounds; round++) {
        await using pair = await ownerAndStandby({ server: await sharedServer(major) });
        times.push(await takeOver(pair, fault));
        await pair.world.settle();
      }
      if (rounds > 1) console.info(fault, times.map((ms) => (ms / 1000).toFixed(1)).join(' '));
      expect(Math.max(...times)).toBeLessThan(10_000);
    },
    60_000 * rounds,
  );

  test('a frozen owner that wakes up cannot write', async () => {
    await frozenOwnerCannotWrite({ server: await sharedServer(major) });
  });
});

test('an owner that lives is left alone', async () => {
  await ownerKeepsItsSource({ server: await sharedServer(newest) });
});

test('what stops in order hands over at once', async () => {
  await using pair = await ownerAndStandby({ server: await sharedServer(newest) });
  const { world, owner, standby } = pair;
  await stopCleanly(owner);
  const stopped = performance.now();
  await standby.waitForLog('streaming', { timeoutMs: 5_000 });
  expect(performance.now() - stopped).toBeLessThan(4_000);
  // it was left, not lost
  expect(standby.logs.some(isTakeOver)).toBe(false);
  expect(standby.logs.some(({ msg }) => msg === 'took the source')).toBe(true);
  await world.settle();
});

test('rolling restarts while somebody writes', async () => {
  await using pair = await ownerAndStandby({ server: await sharedServer(newest) });
  const { world } = pair;
  let running = [pair.owner, pair.standby];
  for (let round = 0; round < 3; round++) {
    await world.source.database.query(
      `insert into log select 'round ${round}, ' || i from generate_series(1, 500) i`,
    );
    const [first, ...others] = running;
    await stopCleanly(first!);
    await world.source.database.query(`insert into log values ('between ${round}')`);
    running = [...others, world.launch()];
    await world.settle();
  }
});

test('status tells who owns a source, and how many stand by', async () => {
  await using pair = await ownerAndStandby({ server: await sharedServer(newest) });
  const { owner, world } = pair;
  const { stdout } = await runCli(['status', '--json', '-c', world.config]);
  const { owners } = JSON.parse(stdout) as Status;
  expect(owners).toEqual([
    expect.objectContaining({
      source: 'a',
      pid: owner.pid,
      epoch: 1,
      connected: true,
      standingBy: 1,
    }),
  ]);
  const text = await runCli(['status', '-c', world.config]);
  expect(text.stdout).toMatch(
    new RegExp(`^source a: process ${owner.pid} on \\S+ has it since .*, 1 standing by$`, 'm'),
  );
});

test('a process beside each database, with --source: each owns its own', async () => {
  const server = await sharedServer(newest);
  const a = await createDatabase(server, 'sidecar a');
  const b = await createDatabase(server, 'sidecar b');
  try {
    for (const database of [a, b])
      await database.query('create table t (id int primary key, v text)');
    const config = writeSyncFile({ a: source(a), b: source(b) });
    // at the same time, before anything is set up
    const sidecars = ['a', 'b'].map((name) => sidecar(config, name));
    for (const [i, each] of sidecars.entries())
      await each.waitForLog(({ msg, source }) => msg === 'streaming' && source === 'ab'[i]);
    await a.query(`insert into t select i, 'a' from generate_series(1, 100) i`);
    await b.query(`insert into t select i, 'b' from generate_series(101, 200) i`);
    await waitForAll(config);
    await untilEqual(a, b, 't');
    expect(await rowsIn(b)).toBe(200);
    // one is away: what the other's database writes goes on
    await sidecars[0]!.kill();
    await b.query(`insert into t select i, 'b' from generate_series(201, 300) i`);
    await untilEqual(b, a, 't');
    const { stdout } = await runCli(['status', '--json', '-c', config]);
    const { owners } = JSON.parse(stdout) as Status;
    expect(owners.map(({ pid, connected }) => [pid, connected])).toEqual([
      [sidecars[0]!.pid, false],
      [sidecars[1]!.pid, true],
    ]);
    await stopCleanly(sidecars[1]!);
    // one without the flag takes both
    const both = startReplicator(config);
    for (const name of ['a', 'b'])
      await both.waitForLog(({ msg, source }) => msg === 'streaming' && source === name);
    await waitForAll(config);
    await stopCleanly(both);
    await tearDown(config);
  } finally {
    await killReplicators();
    await a.drop();
    await b.drop();
    await assertNothingLeft(server);
  }
});

function sidecar(config: string, source: string): ReplicatorProcess {
  return new ReplicatorProcess(startProgram(['run', '-c', config, '--source', source], {}));
}

async function rowsIn(database: { query: (sql: string) => Promise<unknown[]> }): Promise<number> {
  return (await database.query('select from t')).length;
}
