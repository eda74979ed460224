// The replicator itself goes, or stands still.
import { setTimeout as sleep } from 'node:timers/promises';
import { startReplicator } from '../../support/replicator-process.ts';
import type { Fault } from './fault.ts';

export const replicatorKilled: Fault = {
  name: 'replicator-killed',
  lane: 'replicator',
  async strike({ world, says, lasts }) {
    says('kill -9');
    await world.daemon.kill();
    await lasts(1_500);
    world.daemon.start();
  },
};

export const replicatorStopped: Fault = {
  name: 'replicator-stopped',
  lane: 'replicator',
  async strike({ world, says, lasts }) {
    says('SIGTERM');
    const wrong = await world.daemon.stop();
    if (wrong !== undefined) world.daemon.ownEnds.push(wrong);
    await lasts(1_500);
    world.daemon.start();
  },
};

/** Long enough that servers give up its connections, which it learns when it wakes up. */
export const replicatorFrozen: Fault = {
  name: 'replicator-frozen',
  lane: 'replicator',
  async strike({ world, says, lasts }) {
    says('SIGSTOP, then SIGCONT');
    world.daemon.freeze();
    await lasts(10_000);
    world.daemon.thaw();
  },
};

/** While one sleeps, a second one takes over; then the first wakes up and knows nothing of it. */
export const twoReplicators: Fault = {
  name: 'two-replicators',
  lane: 'replicator',
  async strike({ world, says, lasts }) {
    says('SIGSTOP, a second one, SIGCONT');
    world.daemon.freeze();
    const second = startReplicator(world.daemon.configPath, world.daemon.options);
    // until the servers have given up the connections of the sleeper
    await sleep(senderTimeoutMs);
    await lasts(4_000);
    world.daemon.thaw();
    await lasts(1_500);
    await second.kill();
    world.daemon.collect(second);
  },
};

const senderTimeoutMs = 9_000;
