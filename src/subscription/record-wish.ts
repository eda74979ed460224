// What a person wants of a subscription, on its source: there it survives every restart, and whoever
// replicates finds it within seconds.
import { ReplicatorError } from '../model/errors.ts';
import type { Session } from '../postgres/session.ts';
import { sqlstateOf } from '../postgres/sqlstate.ts';

/** `resume` also ends the wait of one that has failed. Throws NOT_SET_UP. */
export async function recordWish(
  source: Session,
  target: string,
  wish: 'pause' | 'resume',
): Promise<void> {
  const rows = await source
    .query(
      `update replicator.subscriptions set paused = $2, wished_at = clock_timestamp()
       where target = $1 returning 1`,
      [target, wish === 'pause'],
    )
    .catch((error) => {
      if (sqlstateOf(error) === '42P01') return [];
      throw error;
    });
  if (rows.length === 0)
    throw new ReplicatorError('NOT_SET_UP', `${source.database.name}:${target} is not set up yet`);
}

/** One that has failed looks again within seconds; one that is paused rests on. */
export async function askToLookAgain(source: Session, target: string): Promise<void> {
  await source.query(
    'update replicator.subscriptions set wished_at = clock_timestamp() where target = $1',
    [target],
  );
}
