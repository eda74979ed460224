// Strikes one fault after another in each lane until it is told to stop.
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../random.ts';
import type { World } from '../world.ts';
import { createStrike, type Fault, type Lane } from './fault.ts';
import { faults } from './faults.ts';

export interface Schedule {
  /** Resolves when what has struck is mended. */
  stop(): Promise<void>;
}

export function startFaults(world: World): Schedule {
  const chosen = faults.filter(({ name }) => world.options.faults.includes(name));
  const stop = new AbortController();
  const lanes = new Set(chosen.map(({ lane }) => lane));
  const running = [...lanes].map((lane) => {
    const inLane = chosen.filter((fault) => fault.lane === lane);
    return runLane(world, lane, inLane, stop.signal);
  });
  const all = Promise.all(running);
  // reported by stop()
  all.catch(() => undefined);
  return {
    async stop() {
      stop.abort();
      await all;
    },
  };
}

async function runLane(
  world: World,
  lane: Lane,
  inLane: readonly Fault[],
  stop: AbortSignal,
): Promise<void> {
  const random = new Random(`${world.options.seed} ${lane}`);
  while (!stop.aborted) {
    await sleep(random.between(0, world.options.peaceMs), undefined, { signal: stop }).catch(
      () => {},
    );
    if (stop.aborted) return;
    const fault = random.pick(inLane);
    try {
      await fault.strike(createStrike(world, random, fault.name));
    } catch (error) {
      // a server that another lane has slowed down or that is not up yet cannot be told anything
      world.history.note('missed', { name: fault.name, why: String(error) });
    }
  }
}
