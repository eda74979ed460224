// Making a slot, or a snapshot by one, waits for every transaction that has written; without a word that looks like a hang.
import type { DatabaseConfig } from '../config/config.ts';
import { Session } from './session.ts';

const patienceMs = 5_000;
const againMs = 60_000;

/** Tells who holds up what is done until this is disposed of, if that takes long: for a person to end. */
export function tellWhoHoldsUp(
  database: DatabaseConfig,
  onWait: (why: string) => void,
): Disposable {
  const tell = () => {
    describeLongestTransaction(database).then(
      (why) => why !== undefined && onWait(why),
      () => {},
    );
  };
  const first = setTimeout(tell, patienceMs);
  const again = setInterval(tell, againMs);
  return {
    [Symbol.dispose]: () => {
      clearTimeout(first);
      clearInterval(again);
    },
  };
}

/** Undefined when nobody does any more. */
async function describeLongestTransaction(database: DatabaseConfig): Promise<string | undefined> {
  await using session = await Session.connect(database, { purpose: 'status', name: database.name });
  const [row] = await session.query(
    `select pid::text as pid, usename, application_name,
            extract(epoch from now() - xact_start)::int::text as seconds
     from pg_catalog.pg_stat_activity where backend_xid is not null
     order by xact_start limit 1`,
  );
  if (row === undefined) return undefined;
  const { pid, usename, application_name: application, seconds } = row;
  return (
    `${database.name}: waiting for a transaction that is open for ${seconds} s: process ${pid} ` +
    `of ${usename}${application ? ` (${application})` : ''}`
  );
}
