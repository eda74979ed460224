import { afterEach, test } from 'vitest';
import { type PostgresServer, startServer } from '../support/postgres-server.ts';
import { majors, newest, sharedServer } from '../support/servers-for-tests.ts';
import {
  crashBeforeFlush,
  crashBehindConfirmation,
  crashBehindUnflushedCommit,
  crashBehindWait,
} from './scenarios/target-loses-memory.ts';

let targetServer: PostgresServer | undefined;

afterEach(async () => {
  await targetServer?.remove();
});

test.each(majors)('%i: what was confirmed survives the crash of its target', async (major) => {
  targetServer = await startServer({ major });
  await crashBehindConfirmation({ server: await sharedServer(newest), targetServer });
});

test.each(majors)('%i: so does what another session finds there', async (major) => {
  targetServer = await startServer({ major });
  await crashBehindUnflushedCommit({ server: await sharedServer(newest), targetServer });
});

test.each(majors)('%i: so does what `replicator wait` has seen', async (major) => {
  targetServer = await startServer({ major });
  await crashBehindWait({ server: await sharedServer(newest), targetServer });
});

test.each(majors)('%i: what we have seen there and it has lost comes again', async (major) => {
  targetServer = await startServer({ major });
  await crashBeforeFlush({ server: await sharedServer(newest), targetServer });
});
