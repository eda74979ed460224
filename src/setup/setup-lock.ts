// Several processes may set up the same databases at the same time, one beside each database for
// instance, and so may the subscriptions of one process: here they wait for each other.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from '../postgres/session.ts';
import { describeBlocker, processOf, tellWhoHoldsUp } from '../postgres/who-holds-up.ts';
import type { SetupSessions } from './setup-step.ts';

const pauseMs = 100;

const key = `pg_catalog.hashtext('replicator'), pg_catalog.hashtext('setup')`;

/**
 * Gives what `work` gives, for which nobody else sets these databases up. `onWait` is told who holds up another
 * setup that is waited for. That is not done in the server, where a waiting statement would hold up CREATE INDEX
 * CONCURRENTLY.
 */
export async function whileSetupLocked<T>(
  sessions: SetupSessions,
  work: () => Promise<T>,
  onWait: (why: string) => void,
): Promise<T> {
  await lockSetup([...sessions.values()], onWait);
  try {
    return await work();
  } finally {
    await unlock([...sessions.values()]);
  }
}

async function lockSetup(
  sessions: readonly Session[],
  onWait: (why: string) => void,
): Promise<void> {
  let busy = await tryLock(sessions);
  while (busy !== undefined) {
    const waitedFor = busy;
    using _telling = tellWhoHoldsUp(waitedFor.database, describeHolder, onWait);
    while (busy === waitedFor) {
      // Not for as long as another one, so that not always the same gives way.
      await sleep(pauseMs * (0.5 + Math.random()));
      busy = await tryLock(sessions);
    }
  }
}

/** The one whose database somebody else sets up. No lock is kept then: others need not wait for what waits. */
async function tryLock(sessions: readonly Session[]): Promise<Session | undefined> {
  for (const [i, session] of sessions.entries()) {
    const { locked } = await session.one(
      `select pg_catalog.pg_try_advisory_lock(${key})::text as locked`,
    );
    if (locked === 'true') continue;
    await unlock(sessions.slice(0, i));
    return session;
  }
  return undefined;
}

async function describeHolder(session: Session): Promise<string | undefined> {
  const [holder] = await session.query(
    `select a.pid::text as pid, a.usename, a.application_name
     from pg_catalog.pg_locks l
     join pg_catalog.pg_database d on d.oid = l.database and d.datname = current_database()
     join pg_catalog.pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted
       and (l.classid::int, l.objid::int) = (${key})`,
  );
  if (holder === undefined) return undefined;
  const blocker = await describeBlocker(session, Number(holder['pid']));
  return blocker ?? `waiting for another setup of it: ${processOf(holder)}`;
}

async function unlock(sessions: readonly Session[]): Promise<void> {
  // One that is gone has none.
  for (const session of sessions)
    await session.query(`select pg_catalog.pg_advisory_unlock(${key})`).catch(() => {});
}
