// The commit that begins where what is confirmed ends must arrive (https://www.postgresql.org/docs/
// current/protocol-replication.html: positions are those of the last byte + 1).
import { afterAll, beforeAll, test } from 'vitest';
import type { PostgresServer } from '../support/postgres-server.ts';
import { startServer } from '../support/postgres-server.ts';
import { majors, newest, sharedServer } from '../support/servers-for-tests.ts';
import {
  commitBehindConfirmedCommit,
  commitBehindConfirmedKeepalive,
} from './scenarios/adjacent-commits.ts';

// on a server of its own: what is applied there would come between the commit records
let targetServer: PostgresServer;

beforeAll(async () => {
  targetServer = await startServer({ major: newest });
});

afterAll(async () => {
  await targetServer.remove();
});

test.each(majors)('PostgreSQL %i: a commit right behind a confirmed commit', async (major) => {
  const server = await sharedServer(major);
  await commitBehindConfirmedCommit({ server, targetServer, rounds: 5 });
});

test.each(majors)('PostgreSQL %i: a commit right behind a confirmed keepalive', async (major) => {
  const server = await sharedServer(major);
  await commitBehindConfirmedKeepalive({ server, targetServer, rounds: 2 });
});
