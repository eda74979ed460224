// The state of a subscription as a person is told it: what the daemon recorded on the source, unless something else
// there says that it is not so any more.
import { slotName } from '../postgres/object-names.ts';
import type { Session } from '../postgres/session.ts';

export interface RecordedState {
  readonly state: string;
  readonly paused: boolean;
  /** Null also when a person knows and wants it to begin anew. */
  readonly givenUpAt: string | null;
}

export interface Activity {
  /** Somebody reads the slot of all. */
  readonly streaming: boolean;
  /** A session of ours is copying from the source. */
  readonly copying: boolean;
}

export function stateOf(recorded: RecordedState, { streaming, copying }: Activity): string {
  const { state, paused, givenUpAt } = recorded;
  if (givenUpAt !== null) return 'failed';
  // What a person wants is true at once, and also without a daemon.
  if (paused) return 'paused';
  if (state === 'stopped' || state === 'failed') return state;
  return streaming || (state === 'copying' && copying) ? state : 'down';
}

/** By target: its state, and the code of what it failed or waits for. */
export async function readStates(source: Session): Promise<ReadonlyMap<string, string>> {
  const rows = await source.query(
    `select s.target, s.state, s.paused::text as paused, s.error_code,
            case when s.resync_wished_at is null then s.given_up_at::text end as given_up_at,
            exists (select from pg_catalog.pg_replication_slots
                    where slot_name = $1 and database = current_database() and active)::text
              as streaming,
            exists (select from pg_catalog.pg_stat_activity
                    where datname = current_database()
                      and application_name like 'replicator/%/copy')::text as copying
     from replicator.subscriptions s`,
    [slotName(source.database.name)],
  );
  return new Map(
    rows.map((row) => {
      const givenUpAt = row['given_up_at'] ?? null;
      const state = stateOf(
        { state: row['state'] ?? '', paused: row['paused'] === 'true', givenUpAt },
        { streaming: row['streaming'] === 'true', copying: row['copying'] === 'true' },
      );
      const code = givenUpAt === null ? row['error_code'] : 'GIVEN_UP';
      const isTold = (state === 'failed' || state === 'waiting') && code != null;
      return [row['target'] ?? '', isTold ? `${state}: ${code}` : state];
    }),
  );
}
