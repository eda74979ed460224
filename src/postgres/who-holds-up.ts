// Making a slot, or a snapshot by one, waits for every transaction that has written; without a word that
// looks like a hang.
import type { DatabaseConfig } from '../config/config.ts';
import { Session } from './session.ts';

const patienceMs = 5_000;
const againMs = 60_000;

/**
 * Tells who holds up what is done until this is disposed of, if that takes long: for a person to end. `describe` says
 * it, in a session of its own; undefined: nobody does any more.
 */
export function tellWhoHoldsUp(
  database: DatabaseConfig,
  describe: (session: Session) => Promise<string | undefined>,
  onWait: (why: string) => void,
): Disposable {
  const tell = async () => {
    await using session = await Session.connect(database, {
      purpose: 'status',
      name: database.name,
    });
    const why = await describe(session);
    if (why !== undefined) onWait(`${database.name}: ${why}`);
  };
  const first = setTimeout(() => tell().catch(() => {}), patienceMs);
  const again = setInterval(() => tell().catch(() => {}), againMs);
  return {
    [Symbol.dispose]: () => {
      clearTimeout(first);
      clearInterval(again);
    },
  };
}

/** Undefined when it waits for nobody. */
export async function describeBlocker(session: Session, pid: number): Promise<string | undefined> {
  const [row] = await session.query(
    `select a.pid::text as pid, a.usename, a.application_name,
            extract(epoch from now() - a.xact_start)::int::text as seconds
     from unnest(pg_catalog.pg_blocking_pids($1)) as blocker(pid)
     join pg_catalog.pg_stat_activity a on a.pid = blocker.pid
     order by a.xact_start limit 1`,
    [pid],
  );
  if (row === undefined) return undefined;
  const { seconds } = row;
  const open = seconds == null ? '' : ` that is open for ${seconds} s`;
  return `waiting for a transaction${open}: ${processOf(row)}`;
}

/** As pg_stat_activity has it, as far as our role may see that. */
export function processOf(row: Readonly<Record<string, string | null>>): string {
  const { pid, usename, application_name: application } = row;
  return `process ${pid}${usename ? ` of ${usename}` : ''}${application ? ` (${application})` : ''}`;
}
