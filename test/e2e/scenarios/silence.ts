// The network between the daemon and a server swallows everything, without a word, while much is
// written: how long it takes after its end until all has arrived, and what is written arrives at once.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startServer } from '../../support/postgres-server.ts';
import type { TcpProxy } from '../../support/proxy.ts';
import { newest } from '../../support/servers-for-tests.ts';
import { startWriter } from '../../support/writer.ts';
import { createOneWay, type OneWay } from './one-way.ts';
import { atReplyTo, beginOfMove } from './reply-to.ts';

interface Network {
  readonly proxy: TcpProxy;
  readonly world: OneWay;
}

/** Each returns when the network is sound again. */
export const silences = {
  async 'is silent for long, then brings what was sent meanwhile'({ proxy }: Network, ms: number) {
    proxy.blackhole(true);
    await sleep(ms);
    proxy.blackhole(false);
  },
  async 'is silent for long, and has forgotten its connections then'(
    { proxy }: Network,
    ms: number,
  ) {
    proxy.blackhole(true);
    proxy.strand();
    await sleep(ms);
    proxy.strand();
    proxy.blackhole(false);
  },
  async 'forgets its connections'({ proxy }: Network) {
    proxy.strand();
  },
  async 'forgets its connections in the middle of a move'({ world }: Network) {
    const { proxy } = world.source;
    const forgotten = atReplyTo(proxy, beginOfMove, () => proxy.strand());
    await world.want('pause');
    await forgotten;
    await world.want('resume');
  },
} satisfies Record<string, (network: Network, ms: number) => Promise<void>>;

export type Silence = keyof typeof silences;

export interface Recovery {
  /** From its end until everything that was written before has arrived. */
  readonly caughtUpMs: number;
  /** From its end until what is written arrives at once. */
  readonly fullSpeedMs: number;
}

/** Fast enough to be called full speed, three times in a row. */
const atOnceMs = 250;

export async function recoverFrom(
  silence: Silence,
  which: 'source' | 'target',
  ms: number,
): Promise<Recovery> {
  const server = await startServer({ major: newest, name: 'silence' });
  try {
    await using world = await createOneWay({ server, patienceMs: 120_000 }, ['b', 'c']);
    const replicator = await world.start();
    await world.settle();
    const writer = await startWriter(
      world.source.database,
      (n) => `insert into t values (${n}, 'w'); select pg_sleep(0.02)`,
    );
    const { proxy } = which === 'source' ? world.source : world.target;
    await silences[silence]({ proxy, world }, ms);
    const healed = performance.now();
    await arrival(world, 'all before');
    const caughtUpMs = performance.now() - healed;
    await eventually(async () => {
      for (let i = 0; i < 3; i++) if ((await arrival(world, 'ping')) > atOnceMs) return false;
      return true;
    });
    const fullSpeedMs = performance.now() - healed;
    await writer.stop();
    await world.untilCopies([]);
    await world.settle();
    expect(replicator.logs.filter(({ level }) => level === 'error')).toEqual([]);
    return { caughtUpMs, fullSpeedMs };
  } finally {
    await server.remove();
  }
}

let entries = 0;

/** How long a row takes to arrive, in milliseconds. */
async function arrival(world: OneWay, what: string): Promise<number> {
  const entry = `${what} ${++entries}`;
  const began = performance.now();
  await world.source.database.query('insert into log values ($1)', [entry]);
  await world.untilArrived(entry);
  return performance.now() - began;
}
