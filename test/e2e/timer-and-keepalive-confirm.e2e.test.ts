// What was received but not applied is never confirmed, whatever timers and keepalives say; and
// what concerns nobody is, or the source would keep its WAL for ever.
import { test } from 'vitest';
import { majors, sharedServer } from '../support/servers-for-tests.ts';
import {
  othersWriteWhileWeAreIdle,
  sourceGoesOnWhileTargetIsLocked,
  sourceGoesOnWhileTargetIsSilent,
} from './scenarios/unapplied-positions.ts';

test.each(majors)('PostgreSQL %i: a locked target while its source goes on', async (major) => {
  await sourceGoesOnWhileTargetIsLocked({ server: await sharedServer(major) });
});

test.each(majors)('PostgreSQL %i: a silent target while its source goes on', async (major) => {
  await sourceGoesOnWhileTargetIsSilent({ server: await sharedServer(major) });
});

test.each(majors)('PostgreSQL %i: 80 MB of another database let the slot go on', async (major) => {
  await othersWriteWhileWeAreIdle({ server: await sharedServer(major) });
});
