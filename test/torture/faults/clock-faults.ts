// Clocks of the servers that are not right: the only thing by which versions are compared.
import type { Fault } from './fault.ts';

/** Within max_clock_skew, and for a while, so that changes of several databases meet in it. */
export const clockOff: Fault = {
  name: 'clock-off',
  lane: 'clock',
  async strike({ world, random, says, lasts }) {
    const master = random.pick(world.masters);
    if (master.clockOffsetMs === undefined) return;
    // forward only, as a step back makes a source contradict itself: see clock-stepped-back
    const offsetMs = random.between(master.clockOffsetMs, 400);
    says(`${master.name} by ${offsetMs} ms`);
    await master.setClock(offsetMs);
    await lasts(5_000);
  },
};

export const clockSteppedBack: Fault = {
  name: 'clock-stepped-back',
  lane: 'clock',
  async strike({ world, random, says, lasts }) {
    const master = random.pick(world.masters);
    if (master.clockOffsetMs === undefined) return;
    const offsetMs = master.clockOffsetMs - random.between(50, 400);
    says(`${master.name} to ${offsetMs} ms`);
    await master.setClock(offsetMs);
    await lasts(5_000);
  },
};
