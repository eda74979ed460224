// The clock of the daemon's host is set back by an hour: nothing waits until it is as late again.
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { LogLine } from '../support/replicator-process.ts';
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { createOneWay } from './scenarios/one-way.ts';

/** SIGUSR2 sets it back. */
const clock = `
  const now = Date.now;
  let backMs = 0;
  Date.now = () => now() - backMs;
  process.on('SIGUSR2', () => { backMs = 3_600_000; });`;

test('people are listened to, the marker is written and what is silent is noticed', async () => {
  await using world = await createOneWay({
    server: await sharedServer(newest),
    file: { heartbeat: '1s' },
    nodeArgs: ['--import', `data:text/javascript,${encodeURIComponent(clock)}`],
  });
  const replicator = await world.start();
  await world.settle();
  replicator.signal('SIGUSR2');

  const before = await marked();
  await eventually(async () => (await marked()) > before, { what: 'a heartbeat' });
  await world.want('pause');
  await world.untilCopies(['b']);
  await world.want('resume');
  await world.untilCopies([]);
  await world.settle();
  const from = replicator.logs.length;
  world.source.proxy.blackhole(true);
  const silent = ({ code, msg }: LogLine) =>
    code === 'CONNECTION_LOST' && msg?.includes('walsender') === true;
  await replicator.waitForLog(silent, { from, timeoutMs: 60_000 });
  world.source.proxy.blackhole(false);
  world.source.proxy.cut();
  await world.settle();
  expect(await replicator.stop()).toMatchObject({ code: 0 });

  async function marked(): Promise<number> {
    const [row] = await world.source.database.query('select marked from replicator.marker');
    return Number(row?.['marked']);
  }
}, 120_000);
