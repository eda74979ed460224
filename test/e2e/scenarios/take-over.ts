// One daemon owns the source, another stands by: how the first fails, and what the second does then.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { frozenAfterMs, renewEveryMs } from '../../../src/source/ownership/lease-watch.ts';
import { createProxy, type TcpProxy } from '../../support/proxy.ts';
import type { LogLine, ReplicatorProcess } from '../../support/replicator-process.ts';
import { createOneWay, type OneWay, type Scenario } from './one-way.ts';
import { atReplyTo, beginOfMove } from './reply-to.ts';

export interface Pair extends AsyncDisposable {
  readonly world: OneWay;
  readonly owner: ReplicatorProcess;
  /** Between the owner and the source. */
  readonly ownersSource: TcpProxy;
  /** Between the owner and the target. */
  readonly ownersTarget: TcpProxy;
  readonly standby: ReplicatorProcess;
}

/** The owner streams, the other stands by. */
export async function ownerAndStandby(scenario: Scenario): Promise<Pair> {
  const world = await createOneWay(scenario);
  const proxies = [
    await createProxy(world.source.proxy.targetPort),
    await createProxy(world.target.proxy.targetPort),
  ] as const;
  const [ownersSource, ownersTarget] = proxies;
  const dispose = async () => {
    await world[Symbol.asyncDispose]();
    for (const proxy of proxies) await proxy.close();
  };
  try {
    // a trigger tells which session has written each row
    await world.target.database.query(`
      create table public.written (entry text, pid int);
      create function public.note() returns trigger language plpgsql as
        'begin insert into public.written values (new.entry, pg_backend_pid()); return null; end';
      create trigger note after insert on public.log for each row execute function public.note();
      alter table public.log enable always trigger note`);
    const owner = await world.start(world.writeConfig({ a: ownersSource, b: ownersTarget }));
    await world.settle();
    const standby = world.launch();
    await standby.waitForLog('standing by', { timeoutMs: world.patienceMs });
    return { world, owner, ownersSource, ownersTarget, standby, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

export const faults = {
  async 'kill -9'({ owner }: Pair) {
    await owner.kill();
  },
  async 'a freeze'({ owner }: Pair) {
    owner.signal('SIGSTOP');
  },
  async 'a freeze in the middle of a move'({ world, owner, ownersSource }: Pair) {
    const frozen = atReplyTo(ownersSource, beginOfMove, () => owner.signal('SIGSTOP'));
    await world.want('pause');
    await frozen;
    await world.want('resume');
  },
  async 'a cut from the source that nobody is told of'({ ownersSource }: Pair) {
    ownersSource.blackhole(true);
  },
  async 'a cut from the source'({ ownersSource }: Pair) {
    await ownersSource.refuse(true);
    ownersSource.cut();
  },
} satisfies Record<string, (pair: Pair) => Promise<void>>;

export type Fault = keyof typeof faults;

/** Commits one row after the fault; gives the milliseconds from the fault until it has arrived. */
export async function takeOver(pair: Pair, fault: Fault): Promise<number> {
  const { world, standby } = pair;
  const began = performance.now();
  await faults[fault](pair);
  const entry = `after ${fault}`;
  await world.source.database.query('insert into log values ($1)', [entry]);
  await world.untilArrived(entry);
  const ms = performance.now() - began;
  expect(standby.logs.some(isTakeOver)).toBe(true);
  return ms;
}

export function isTakeOver({ msg }: LogLine): boolean {
  return msg === 'took the source over';
}

/**
 * The owner freezes with a batch on its way to the target; what it has sent is carried out when the
 * other has taken over already. None of it may get in, whichever session it comes through.
 */
export async function frozenOwnerCannotWrite(scenario: Scenario): Promise<void> {
  await using pair = await ownerAndStandby(scenario);
  const { world, owner, ownersSource, ownersTarget, standby } = pair;
  const { database } = world.target;
  const sessionsOfOwner = await pidsOf(world);
  // Held back are the batch, and all that the owner would do after it wakes up.
  ownersTarget.blackhole(true);
  const before = await world.confirmedLsn();
  await world.source.database.query(`insert into log values ('on its way')`);
  await world.untilReceived(before + 1n);
  owner.signal('SIGSTOP');
  await standby.waitForLog(isTakeOver, { timeoutMs: world.patienceMs });
  await untilClaimed(world, 2);
  // Now it may go on, with what it remembers, but not with another look at its lease.
  ownersSource.blackhole(true);
  ownersTarget.blackhole(false);
  owner.signal('SIGCONT');
  await world.untilArrived('on its way');
  const written = await database.query('select entry, pid from written');
  const late = written.filter(
    ({ entry, pid }) => entry === 'on its way' && sessionsOfOwner.includes(Number(pid)),
  );
  expect(late, 'rows that the frozen owner wrote').toEqual([]);
  // Told of its loss, it stands by for the other.
  ownersSource.blackhole(false);
  const isAside = ({ msg }: LogLine) => msg === 'standing by';
  await owner.waitForLog(isAside, { timeoutMs: world.patienceMs });
  await world.settle();
}

/** An owner that is alive, idle or busy, is left alone. */
export async function ownerKeepsItsSource(scenario: Scenario): Promise<void> {
  await using pair = await ownerAndStandby(scenario);
  const { world, standby } = pair;
  await sleep(frozenAfterMs + 2 * renewEveryMs);
  expect(standby.logs.filter(isTakeOver), 'the owner was replaced').toEqual([]);
  await world.settle();
}

async function pidsOf(world: OneWay): Promise<number[]> {
  const rows = await world.target.database.query(
    `select pid from pg_stat_activity
     where datname = current_database() and application_name = 'replicator/a:b/apply'`,
  );
  return rows.map(({ pid }) => Number(pid));
}

async function untilClaimed(world: OneWay, epoch: number): Promise<void> {
  await expect
    .poll(
      async () => (await world.target.database.query('select epoch from replicator.progress'))[0],
      {
        timeout: world.patienceMs,
      },
    )
    .toEqual({ epoch: String(epoch) });
}
