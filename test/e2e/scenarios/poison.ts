// A transaction that the target refuses. From PostgreSQL 16 on the replication origin moves past it
// with the ROLLBACK; it must be tried again all the same, however often the daemon starts.
import { expect } from 'vitest';
import type { TestDatabase } from '../../support/database.ts';
import type { ReplicatorProcess } from '../../support/replicator-process.ts';
import { createOneWay, type OneWay, type Scenario } from './one-way.ts';

interface Obstacle {
  put: string;
  remove: string;
}

/** Each refuses rows in `log` that begin with "poison". */
export const obstacles = {
  'a check constraint': {
    put: `alter table log add constraint harmless check (entry not like 'poison%')`,
    remove: 'alter table log drop constraint harmless',
  },
  'a trigger that raises': {
    put: `create trigger refuse before insert on log for each row execute function refuse();
      alter table log enable always trigger refuse`,
    remove: 'drop trigger refuse on log',
  },
  'a constraint that fails at COMMIT': {
    put: `create constraint trigger refuse after insert on log deferrable initially deferred
        for each row execute function refuse();
      alter table log enable always trigger refuse`,
    remove: 'drop trigger refuse on log',
  },
} satisfies Record<string, Obstacle>;

const refuseFunction = `
  create function refuse() returns trigger language plpgsql as $$ begin
    if new.entry like 'poison%' then raise 'refused'; end if;
    return new;
  end $$`;

export async function refusedThenMended(
  obstacle: keyof typeof obstacles,
  scenario: Scenario,
): Promise<void> {
  await using world = await createOneWay(scenario, ['b', 'c']);
  const { put, remove } = obstacles[obstacle];
  const { source, target } = world;
  await target.database.query(`${refuseFunction}; ${put}`);
  let replicator = await world.start();
  await world.settle();
  const stored = await progressOf(target.database);

  await source.database.query(`insert into log values ('poison')`);
  await untilRefused(world, replicator, stored);
  await source.database.query(`insert into log values ('behind it')`);
  for (let restart = 0; restart < 2; restart++) {
    await replicator.kill();
    if (scenario.server.major >= 16)
      expect(await originProgressOf(target.database), 'origin').toBeGreaterThan(stored);
    replicator = world.launch();
    await untilRefused(world, replicator, stored);
  }

  // the other target has it all; here nothing came, least of all what lies behind
  await world.settle(['c']);
  expect(await world.has('behind it'), 'behind it on b').toBe(false);
  expect(await progressOf(target.database)).toBe(stored);
  await replicator.kill();
  await target.database.query(remove);
  await world.start();
  await world.settle();
  expect(await inOrder(target.database)).toEqual(await inOrder(source.database));
}

async function untilRefused(
  world: OneWay,
  replicator: ReplicatorProcess,
  stored: bigint,
): Promise<void> {
  const refused = replicator.waitForLog(
    ({ code, subscription }) => code === 'DATA_REJECTED' && subscription === 'a:b',
    { timeoutMs: world.patienceMs },
  );
  await refused.catch(async (error: unknown) => {
    expect(await progressOf(world.target.database), 'progress on b').toBe(stored);
    throw error;
  });
}

async function progressOf(target: TestDatabase): Promise<bigint> {
  const [row] = await target.query(`select lsn - '0/0' as lsn from replicator.progress`);
  return BigInt(row?.['lsn'] ?? 0);
}

async function originProgressOf(target: TestDatabase): Promise<bigint> {
  const [row] = await target.query(
    `select pg_replication_origin_progress('replicator_a__b', false) - '0/0' as lsn`,
  );
  return BigInt(row?.['lsn'] ?? 0);
}

/** The rows of a table without a key in the order in which they were inserted. */
async function inOrder(database: TestDatabase): Promise<unknown[]> {
  return await database.query('select entry from log order by ctid');
}
