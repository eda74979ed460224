// Killed at any step of taking a target out of the stream or bringing it back, the daemon loses
// nothing, applies nothing twice, and leaves no slot behind that would fill the disk.
import { describe, test } from 'vitest';
import { middle, newest, sharedServer } from '../support/servers-for-tests.ts';
import { attachSteps, detachSteps, killAtStep, killWhenItSays } from './scenarios/detach-steps.ts';

const versions = [...new Set([middle, newest])];
const moments = ['before', 'after'] as const;
const cases = [...detachSteps, ...attachSteps].flatMap((step) =>
  moments.map((moment) => ({ step, moment })),
);

describe.each(versions)('PostgreSQL %i', (major) => {
  test.each(cases)('kill -9 $moment it $step', async ({ step, moment }) => {
    await killAtStep(step, moment, { server: await sharedServer(major) });
  });

  test('kill -9 when it begins to catch up', async () => {
    await killWhenItSays('catching_up', { server: await sharedServer(major) });
  });

  test('kill -9 when it has joined the stream', async () => {
    await killWhenItSays('streaming', { server: await sharedServer(major) });
  });
});
