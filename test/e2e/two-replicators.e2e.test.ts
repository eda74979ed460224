// A second daemon by mistake, or a first one that was only asleep: no row twice where no key would
// hide it, none lost, and when one is gone the other takes over by itself.
import { describe, test } from 'vitest';
import { majors, sharedServer } from '../support/servers-for-tests.ts';
import {
  secondStandsByAndTakesOver,
  sleeperHasABatchOnItsWay,
  sleeperIsSentWhatTheOtherApplied,
  sleeperWakesUp,
} from './scenarios/two-instances.ts';

describe.each(majors)('PostgreSQL %i', (major) => {
  test('the second stands by and takes over', async () => {
    await secondStandsByAndTakesOver({ server: await sharedServer(major) });
  });

  test('the first sleeps and wakes up', async () => {
    await sleeperWakesUp({ server: await sharedServer(major) });
  });

  test('the first wakes up and is sent again what the second has applied', async () => {
    await sleeperIsSentWhatTheOtherApplied({ server: await sharedServer(major) });
  });

  test('the first falls asleep with a batch on its way', async () => {
    await sleeperHasABatchOnItsWay({ server: await sharedServer(major) });
  });
});
