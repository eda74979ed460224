// Killed at any moment of a batch, the daemon loses nothing and applies nothing twice, not even
// where a table has no key that would hide it.
import { describe, test } from 'vitest';
import { middle, newest, sharedServer } from '../support/servers-for-tests.ts';
import {
  type BatchPath,
  cutAtEachMessage,
  killAt,
  killBehindEachMessage,
  lateSteps,
} from './scenarios/crash-steps.ts';

const versions = [...new Set([middle, newest])];
const paths: BatchPath[] = ['as sets', 'one by one'];
const cases = versions.flatMap((major) => paths.map((path) => ({ major, path })));

/** One by one there are many more messages; in groups of four, so that all kinds have their turn. */
const every = { 'as sets': 1, 'one by one': 3 };

describe.each(cases)('PostgreSQL $major, changes applied $path', ({ major, path }) => {
  test('kill -9 behind each message of the batch', async () => {
    await killBehindEachMessage({ server: await sharedServer(major), path, every: every[path] });
  }, 120_000);

  test('the connection breaks behind and in each message of the batch', async () => {
    await cutAtEachMessage({ server: await sharedServer(major), path, every: every[path] });
  }, 120_000);

  test.each(lateSteps)('kill -9: %s', async (step) => {
    await killAt(step, { server: await sharedServer(major), path });
  });
});
