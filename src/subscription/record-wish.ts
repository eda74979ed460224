// What a person wants of a subscription, on its source: there it survives every restart, and whoever
// replicates finds it within seconds.
import { ReplicatorError } from '../model/errors.ts';
import type { Row, Session } from '../postgres/session.ts';
import { sqlstateOf } from '../postgres/sqlstate.ts';

/** `resume` also ends the wait of one that has failed. Throws NOT_SET_UP. */
export async function recordWish(
  source: Session,
  target: string,
  wish: 'pause' | 'resume',
): Promise<void> {
  await record(source, target, {
    set: 'paused = $2, wished_at = clock_timestamp()',
    values: [wish === 'pause'],
  });
}

/** The target is to begin anew, which is done once its tables are empty. Throws NOT_SET_UP. */
export async function askToResync(source: Session, target: string): Promise<void> {
  await record(source, target, { set: 'resync_wished_at = clock_timestamp()', values: [] });
}

/** It goes on where it was, if that is still there. False: nobody wants it to begin anew, or it has begun. */
export async function cancelResync(source: Session, target: string): Promise<boolean> {
  const rows = await change(
    source,
    `update replicator.subscriptions
     set resync_wished_at = null, wished_at = clock_timestamp()
     where target = $1 and resync_wished_at is not null returning 1`,
    [target],
  );
  return rows.length > 0;
}

async function record(
  source: Session,
  target: string,
  { set, values }: { set: string; values: readonly unknown[] },
): Promise<void> {
  const sql = `update replicator.subscriptions set ${set} where target = $1 returning 1`;
  const rows = await change(source, sql, [target, ...values]);
  if (rows.length === 0)
    throw new ReplicatorError('NOT_SET_UP', `${source.database.name}:${target} is not set up yet`);
}

/** No rows where there is no such table yet. */
async function change(source: Session, sql: string, values: readonly unknown[]): Promise<Row[]> {
  return await source.query(sql, values).catch((error) => {
    if (sqlstateOf(error) === '42P01') return [];
    throw error;
  });
}

/** One that has failed looks again within seconds; one that is paused rests on. */
export async function askToLookAgain(source: Session, target: string): Promise<void> {
  await source.query(
    'update replicator.subscriptions set wished_at = clock_timestamp() where target = $1',
    [target],
  );
}
