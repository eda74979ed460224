// After the run: everything is mended, the clients are silent, and all that was committed has to
// arrive everywhere. How long that takes is one of the figures.
import { setTimeout as sleep } from 'node:timers/promises';
import { digest } from './rows.ts';
import { tablesOf, type World } from './world.ts';

/** Starts what is down and opens what is closed, whatever was left of a fault. */
export async function heal(world: World): Promise<void> {
  for (const { proxy, server, query } of world.masters.map((master) => ({
    proxy: master.proxy,
    server: master.server,
    query: () => master.query('select 1'),
  }))) {
    proxy.onClientData = undefined;
    proxy.onServerData = undefined;
    proxy.delayMs = 0;
    proxy.blackhole(false);
    await proxy.refuse(false);
    await query().catch(() => server.start());
  }
  world.daemon.thaw();
  if (!world.daemon.isRunning) world.daemon.start();
}

export interface Quiet {
  readonly seconds: number;
  /** Why it never came; undefined when it did. */
  readonly missed: string | undefined;
}

/** `replicator wait`, and then until the tables are equal, for what is settled without being waited for. */
export async function untilQuiet(world: World, patienceMs: number): Promise<Quiet> {
  const began = performance.now();
  const leftMs = () => began + patienceMs - performance.now();
  const quiet = (missed?: string): Quiet => ({
    seconds: (performance.now() - began) / 1000,
    missed,
  });
  let said = '';
  while (leftMs() > 0) {
    const seconds = Math.max(1, Math.ceil(leftMs() / 1000));
    const { code, stderr } = await world.daemon.command(
      ['wait', '--timeout', `${seconds}s`],
      patienceMs + 60_000,
    );
    said = stderr.trim();
    if (code === 0) {
      // what is not equal by then is for the checks to show
      while (leftMs() > 0 && !(await isEqual(world))) await sleep(200);
      return quiet();
    }
    await sleep(500);
  }
  return quiet(said || 'the databases did not become equal');
}

async function isEqual(world: World): Promise<boolean> {
  for (const { name } of tablesOf(world)) {
    const digests = await Promise.all(world.masters.map((master) => digest(master, name)));
    if (new Set(digests).size > 1) return false;
  }
  return true;
}
