// A transaction that a target refuses is tried again and never skipped, delays no other target, and
// arrives in its place once what stood in its way is gone.
import { describe, test } from 'vitest';
import { majors, sharedServer } from '../support/servers-for-tests.ts';
import { obstacles, refusedThenMended } from './scenarios/poison.ts';

describe.each(majors)('PostgreSQL %i', (major) => {
  const names = Object.keys(obstacles) as (keyof typeof obstacles)[];

  test.each(names)('refused by %s', async (obstacle) => {
    await refusedThenMended(obstacle, { server: await sharedServer(major) });
  });
});
