// The source goes on while a target cannot: positions are received, by transactions and by
// keepalives, that must not be confirmed before what lies ahead of them is applied.
import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { createOneWay, type OneWay, type Scenario } from './one-way.ts';
import { openWriter, writeElsewhere } from './writer.ts';

/** A status goes to the source four times in this. */
const walSenderTimeout = '1s';

export async function sourceGoesOnWhileTargetIsLocked(scenario: Scenario): Promise<void> {
  await using world = await createOneWay(scenario);
  await hurryStatus(world);
  const replicator = await world.start();
  await world.settle();
  await using locker = await openWriter(world.target.database.url);
  await locker.run('begin; lock table log in access exclusive mode');

  await passUnapplied(world, 'held up');
  await replicator.kill();
  await locker.run('rollback');

  await world.start();
  await world.settle();
}

export async function sourceGoesOnWhileTargetIsSilent(scenario: Scenario): Promise<void> {
  await using world = await createOneWay(scenario);
  await hurryStatus(world);
  const replicator = await world.start();
  await world.settle();
  world.target.proxy.blackhole(true);

  await passUnapplied(world, 'swallowed');
  await replicator.kill();
  world.target.proxy.cut();
  world.target.proxy.blackhole(false);

  await world.start();
  await world.settle();
}

/** Much WAL of another database, and nothing of ours: the slot must let it go. */
export async function othersWriteWhileWeAreIdle(scenario: Scenario): Promise<void> {
  await using world = await createOneWay(scenario);
  await world.start();
  await world.settle();
  await using elsewhere = await openWriter(scenario.server.url('postgres'));
  await writeElsewhere(elsewhere, 80);
  const end = await elsewhere.lsn();
  await world.untilConfirmed(end - allowance);
  // restart_lsn follows when a list of running transactions, as checkpoints write it, is confirmed
  await eventually(
    async () => {
      await elsewhere.run('checkpoint');
      await writeElsewhere(elsewhere, 20);
      await world.untilConfirmed((await elsewhere.lsn()) - allowance);
      return (await world.restartLsn()) >= end;
    },
    { timeoutMs: 2 * world.patienceMs, what: 'restart_lsn behind the WAL of others' },
  );
}

/** Positions of others' WAL are stored on the targets no more often than every 16 MB. */
const allowance = 17n * 1024n * 1024n;

async function passUnapplied(world: OneWay, entry: string): Promise<void> {
  const { database } = world.source;
  await database.query(`insert into log values ('${entry}')`);
  await using writer = await openWriter(database.url);
  const unapplied = await writer.lsn();
  await writer.run(
    'create schema other; create table other.unrelated as select generate_series(1, 1000)',
  );
  await using elsewhere = await openWriter(database.server.url('postgres'));
  await writeElsewhere(elsewhere, 20);
  // Twice the position that says that all of it was received: a timer has fired in between.
  await world.untilReceived(await elsewhere.lsn());
  await writeElsewhere(elsewhere, 1);
  await world.untilReceived(await elsewhere.lsn());
  expect(await world.confirmedLsn(), 'confirmed while unapplied').toBeLessThan(unapplied);
}

async function hurryStatus(world: OneWay): Promise<void> {
  const { name, query } = world.source.database;
  await query(`alter database ${name} set wal_sender_timeout = '${walSenderTimeout}'`);
}
