// Ends sessions of a process that must not go on. A role may end its own sessions without any grant.
import { setTimeout as sleep } from 'node:timers/promises';
import { ReplicatorError } from '../model/errors.ts';
import type { Session } from './session.ts';

/** One session on a server; process ids alone come again. */
export interface Backend {
  readonly pid: string;
  /** As timestamptz text. */
  readonly start: string;
}

const patienceMs = 5_000;

/**
 * Returns when it is gone: only then is what it was about to commit decided. Throws SERVER_BUSY when
 * it stays, and PRIVILEGE when it belongs to a role whose sessions ours may not end.
 */
export async function endBackend(session: Session, { pid, start }: Backend): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (performance.now() < deadline) {
    const there = await session.query(
      `select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity
       where pid = $1 and backend_start = $2`,
      [pid, start],
    );
    if (there.length === 0) return;
    await sleep(20);
  }
  throw new ReplicatorError(
    'SERVER_BUSY',
    `${session.database.name}: process ${pid} of an earlier replicator does not end`,
  );
}
