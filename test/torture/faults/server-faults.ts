// A server goes and comes back, or loses single sessions.
import pg from 'pg';
import type { Master } from '../master.ts';
import type { World } from '../world.ts';
import type { Fault, Strike } from './fault.ts';

function goesAway(name: string, go: (master: Master) => Promise<unknown>): Fault {
  return {
    name,
    lane: 'server',
    async strike({ world, random, says, lasts }) {
      const master = random.pick(world.masters);
      says(master.name);
      try {
        await go(master);
      } catch (error) {
        world.trouble.push(String(error).split('\n')[0] ?? '');
        await master.server.kill();
      }
      await lasts(3_000);
      await master.server.start();
    },
  };
}

export const serverKilled = goesAway('server-killed', ({ server }) => server.kill());
/** It waits until all of its log is confirmed, so that nobody needs it any more. */
export const serverStoppedFast = goesAway('server-fast-stop', ({ server }) => server.stop('fast'));
export const serverStoppedAtOnce = goesAway('server-immediate-stop', ({ server }) =>
  server.stop('immediate'),
);

/** Those that are applied to. */
const receiving = ({ masters, written }: World): readonly Master[] =>
  masters.filter((master) => written.some((other) => other !== master));

function endsSessions(name: string, purpose: 'walsender' | 'apply'): Fault {
  return {
    name,
    lane: 'server',
    async strike(strike) {
      const { world, random } = strike;
      const master = random.pick(purpose === 'walsender' ? world.written : receiving(world));
      strike.says(master.name);
      await master.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name like 'replicator/%/' || $1`,
        [purpose],
      );
    },
  };
}

export const walsenderEnded = endsSessions('walsender-ended', 'walsender');
export const applierEnded = endsSessions('applier-ended', 'apply');

/** What is applied has to wait, up to its lock_timeout and beyond. */
export const tableLocked: Fault = {
  name: 'table-locked',
  lane: 'server',
  async strike({ world, random, says, lasts }: Strike) {
    const master = random.pick(receiving(world));
    const table = random.pick(world.workloads.flatMap(({ tables }) => tables)).name;
    says(`${table} on ${master.name}`);
    const client = new pg.Client({ connectionString: master.url, application_name: 'torture' });
    client.on('error', () => undefined);
    await client.connect();
    try {
      await client.query(`begin; lock table ${table} in exclusive mode`);
      await lasts(3_000);
    } finally {
      await client.end().catch(() => undefined);
    }
  },
};
