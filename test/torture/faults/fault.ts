// What goes wrong in a run. A fault strikes, lasts, and is mended by itself; those of one lane come
// one after another, those of different lanes meet.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.ts';
import type { World } from '../world.ts';

export type Lane = 'replicator' | 'server' | 'network' | 'clock';

export interface Strike {
  readonly world: World;
  readonly random: Random;
  /** To be called once, when it begins. */
  readonly says: (what: string) => void;
  /** Waits as long as chance will have it, at most so many milliseconds. */
  readonly lasts: (longestMs: number) => Promise<void>;
}

export interface Fault {
  readonly name: string;
  readonly lane: Lane;
  /** Resolves when it is mended. */
  strike(strike: Strike): Promise<void>;
}

export function createStrike(world: World, random: Random, name: string): Strike {
  return {
    world,
    random,
    says: (what) => world.history.fault(name, what),
    lasts: async (longestMs) => {
      // a third of the faults is over at once: the rest of the program must not count on more
      const ms = random.chance(0.33) ? random.between(0, 50) : random.between(50, longestMs);
      await sleep(ms);
    },
  };
}
