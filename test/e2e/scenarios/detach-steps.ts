// A target leaves the stream for a slot of its own and comes back, while much is written, and the
// daemon is killed at every step of that. Whatever it was: every row arrives once, in order, and no
// slot stays behind.
import { expect } from 'vitest';
import type { ReplicatorProcess } from '../../support/replicator-process.ts';
import { startWriter, type Writer } from '../../support/writer.ts';
import { createOneWay, type OneWay, type Scenario } from './one-way.ts';

/** Statements on the source, by a text that only they have. */
const statements = {
  'records that it will copy the slot': 'insert into replicator.slots (slot_name, state',
  'copies the slot': 'pg_copy_logical_replication_slot',
  'records that the slot is copied': `set state = 'created'`,
  'takes back the record': 'delete from replicator.slots s using',
  'asks whether that was done': 'select from replicator.slots where slot_name',
  'drops the slot': 'select pg_catalog.pg_drop_replication_slot(r.slot_name)',
} as const;

type Statement = keyof typeof statements;

export const detachSteps: readonly Statement[] = [
  'records that it will copy the slot',
  'copies the slot',
  'records that the slot is copied',
];

export const attachSteps: readonly Statement[] = [
  'takes back the record',
  'asks whether that was done',
  'drops the slot',
];

export type Moment = 'before' | 'after';

export async function killAtStep(
  step: Statement,
  moment: Moment,
  scenario: Scenario,
): Promise<void> {
  await using world = await createOneWay(scenario, ['b', 'c']);
  const replicator = await world.start();
  await world.settle();
  await using writing = await write(world);
  const isAttach = attachSteps.includes(step);
  if (isAttach) {
    await world.want('pause');
    await world.untilCopies(['b']);
  }
  const killed = killAt(world, replicator, statements[step], moment);
  await world.want(isAttach ? 'resume' : 'pause');
  await killed;
  await begin(world);
  await world.want('resume');
  await judge(world, writing.writer);
}

/** By what the daemon says of the target that comes back. */
export async function killWhenItSays(
  state: 'catching_up' | 'streaming',
  scenario: Scenario,
): Promise<void> {
  await using world = await createOneWay(scenario, ['b', 'c']);
  const replicator = await world.start();
  await world.settle();
  await using writing = await write(world);
  await world.want('pause');
  await world.untilCopies(['b']);
  const from = replicator.logs.length;
  await world.want('resume');
  await replicator.waitForLog((line) => line['subscription'] === 'a:b' && line['state'] === state, {
    from,
  });
  await replicator.kill();
  await begin(world);
  await judge(world, writing.writer);
}

/** Without any crash: it rests, and comes back while much is written and its own stream lags. */
export async function restsAndComesBack(scenario: Scenario): Promise<void> {
  await using world = await createOneWay(scenario, ['b', 'c']);
  // Longer than the writer needs for a transaction: some are left to its own stream at each handover.
  world.source.proxy.onClientData = (chunk, connection) => {
    if (chunk.includes('START_REPLICATION SLOT "replicator_a__b"')) connection.ownDelayMs = 50;
    return undefined;
  };
  await world.start();
  await world.settle();
  await using writing = await write(world);
  for (let round = 0; round < 3; round++) {
    await world.want('pause');
    await world.untilCopies(['b']);
    // It takes a while to bring this, and the stream goes on meanwhile.
    await world.source.database.query(
      `insert into t select -i, repeat('x', 100)
       from generate_series(${round * 30_000 + 1}, ${(round + 1) * 30_000}) i`,
    );
    await world.want('resume');
    await world.untilCopies([]);
  }
  await judge(world, writing.writer);
}

async function begin(world: OneWay): Promise<void> {
  world.launch();
  await world.untilArrived('sentinel 1', 'c');
}

async function judge(world: OneWay, writer: Writer): Promise<void> {
  await world.untilCopies([]);
  await writer.stop();
  await world.settle();
  await world.expectOrder(['b', 'c']);
  expect(writer.count).toBeGreaterThan(10);
}

interface Writing extends AsyncDisposable {
  readonly writer: Writer;
}

async function write({ source }: OneWay): Promise<Writing> {
  const writer = await startWriter(
    source.database,
    (n) => `
      begin;
      insert into t values (${n}, 'new');
      update t set v = 'n ' || ${n} where id = ${n} - 1;
      insert into log values ('n ' || ${n});
      commit;
      select pg_sleep(0.002)`,
  );
  return {
    writer,
    async [Symbol.asyncDispose]() {
      await writer.stop().catch(() => undefined);
    },
  };
}

/** Resolves once the daemon is gone, killed before the statement reaches its server or when its
 * reply comes. */
async function killAt(
  world: OneWay,
  replicator: ReplicatorProcess,
  text: string,
  moment: Moment,
): Promise<void> {
  const { proxy } = world.source;
  let asking: unknown;
  proxy.onClientData = (chunk, connection) => {
    if (asking !== undefined || !chunk.includes(text)) return undefined;
    asking = connection;
    if (moment === 'after') return undefined;
    replicator.signal('SIGKILL');
    return 'cut';
  };
  proxy.onServerData = (_, connection) => {
    if (asking !== connection) return undefined;
    replicator.signal('SIGKILL');
    return 'cut';
  };
  await replicator.untilExit();
  proxy.onClientData = undefined;
  proxy.onServerData = undefined;
}
