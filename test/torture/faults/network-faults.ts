// The network between the replicator and a database.
import type { Master } from '../master.ts';
import type { Fault, Strike } from './fault.ts';

function between(name: string, strike: (master: Master, strike: Strike) => Promise<void>): Fault {
  return {
    name,
    lane: 'network',
    strike: (options) => strike(options.random.pick(options.world.masters), options),
  };
}

export const connectionsCut = between('connections-cut', async ({ name, proxy }, { says }) => {
  says(name);
  proxy.cut();
});

/** Somewhere in what one side sends: inside a message, between two, behind a COMMIT. */
export const cutAtByte = between('cut-at-byte', async ({ name, proxy }, strike) => {
  const { random, says, lasts } = strike;
  const way = random.pick(['onClientData', 'onServerData'] as const);
  let left = random.between(0, 20_000);
  says(`${name}, ${left} bytes later, ${way === 'onClientData' ? 'to' : 'from'} the server`);
  proxy[way] = (chunk) => {
    if (left >= chunk.length) {
      left -= chunk.length;
      return undefined;
    }
    const passes = left;
    proxy[way] = undefined;
    return passes;
  };
  await lasts(2_000);
  proxy[way] = undefined;
});

/** Nothing arrives and nobody is told; what was sent meanwhile arrives later. */
export const partitioned = between('partition', async ({ name, proxy }, strike) => {
  const { random, says, lasts } = strike;
  const only = random.pick([undefined, 'toServer', 'toClient'] as const);
  says(`${name}, ${only ?? 'both ways'}`);
  proxy.blackhole(true, only);
  await lasts(6_000);
  // as often as not the connections are gone when it is over
  if (random.chance(0.5)) proxy.cut();
  proxy.blackhole(false);
});

export const refused = between('refused', async ({ name, proxy }, { says, lasts }) => {
  says(name);
  await proxy.refuse(true);
  proxy.cut();
  await lasts(2_000);
  await proxy.refuse(false);
});

export const slowed = between('slow-network', async ({ name, proxy }, strike) => {
  proxy.delayMs = strike.random.between(5, 150);
  strike.says(`${name}, ${proxy.delayMs} ms`);
  await strike.lasts(4_000);
  proxy.delayMs = 0;
});
