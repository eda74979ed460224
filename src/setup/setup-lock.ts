// Several processes may set up the same databases at the same time, one beside each database for
// instance: here they wait for each other.
import { setTimeout as sleep } from 'node:timers/promises';
import type { SetupSessions } from './setup-step.ts';

const pauseMs = 100;

/**
 * Held until the sessions are closed. Always taken in the order of names, so that two processes cannot
 * wait for each other; and not waited for in the server, where a waiting statement would hold up
 * CREATE INDEX CONCURRENTLY.
 */
export async function lockSetup(sessions: SetupSessions): Promise<void> {
  const inOrder = [...sessions].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [, session] of inOrder)
    while (true) {
      const { locked } = await session.one(
        `select pg_catalog.pg_try_advisory_lock(
           pg_catalog.hashtext('replicator'), pg_catalog.hashtext('setup'))::text as locked`,
      );
      if (locked === 'true') break;
      await sleep(pauseMs);
    }
}
