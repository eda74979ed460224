// The replicator itself goes, or stands still.
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
