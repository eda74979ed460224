// A commit is in the WAL before others can see it; where a synchronous standby is awaited, long before. The stream may
// have passed it by, while the table still looks as if it had not been written to.
import { setTimeout as sleep } from 'node:timers/promises';
import { ReplicatorError } from '../model/errors.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { quoteTable } from '../postgres/identifiers.ts';
import type { Session } from '../postgres/session.ts';

/** Then those who write are waited for elsewhere: the subscription begins anew. */
const patienceMs = 2_000;
const pollMs = 20;

/** A transaction gives its locks up once it can be seen. */
const writers = `
  select l.virtualtransaction as id
  from pg_catalog.pg_locks l join pg_catalog.pg_database d on d.oid = l.database
  where d.datname = current_database() and l.locktype = 'relation' and l.granted
    and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
    and (l.relation = $1::regclass
         or l.relation in (select relid from pg_catalog.pg_partition_tree($1::regclass)))`;

/**
 * Once it resolves, all is visible that was committed to the table before. Takes no lock, which a role that only reads
 * may not. Throws SERVER_BUSY while one of those who write is at it for long.
 */
export async function untilVisible(source: Session, table: TableName): Promise<void> {
  const writing = async () => {
    const rows = await source.query<{ id: string }>(writers, [quoteTable(table)]);
    return new Set(rows.map(({ id }) => id));
  };
  const deadline = performance.now() + patienceMs;
  let waitedFor = await writing();
  while (waitedFor.size > 0) {
    if (performance.now() > deadline)
      throw new ReplicatorError(
        'SERVER_BUSY',
        `${source.database.name}: ${tableLabel(table)} is being written to while it joins`,
      );
    await sleep(pollMs);
    const still = await writing();
    waitedFor = new Set([...waitedFor].filter((id) => still.has(id)));
  }
}
