// A daemon whose log lies on a full disk replicates, says so once on standard error, and stops in order.
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { runCli } from '../support/run-cli.ts';
import { newest, sharedServer } from '../support/servers-for-tests.ts';
import { createOneWay } from './scenarios/one-way.ts';

/** Standard output, as the shell's `> /dev/full` would make it: the lowest number that is free. */
const fullDisk = `
  import { closeSync, openSync } from 'node:fs';
  closeSync(1);
  openSync('/dev/full', 'w');`;

test('a log on a full disk holds up nothing', async () => {
  await using world = await createOneWay({
    server: await sharedServer(newest),
    nodeArgs: ['--import', `data:text/javascript,${encodeURIComponent(fullDisk)}`],
  });
  const replicator = world.launch();
  const wait = ['wait', '-c', world.config];
  await eventually(async () => (await runCli(wait)).code === 0, { what: 'a stream' });
  await world.settle();
  await world.want('pause');
  await world.untilCopies(['b']);
  await world.want('resume');
  await world.settle();
  const { code, ms } = await replicator.stop();
  expect(code).toBe(0);
  expect(ms).toBeLessThan(10_000);
  expect(replicator.stderr).toBe('replicator: log lines cannot be written: ENOSPC\n');
  expect(replicator.logs).toEqual([]);
});
