// What a database remembers of rows that are gone and of values that were claimed, where several write the table:
// a new one must remember it too, or an older change that is still to come would bring them back there.

import type { DatabaseConfig } from '../config/config.ts';
import { ReplicatorError } from '../model/errors.ts';
import type { TableName } from '../model/relation.ts';
import { Deadline } from '../observability/deadline.ts';
import { waitForTargets } from '../observability/wait-for-targets.ts';
import { quoteTable } from '../postgres/identifiers.ts';
import { Session } from '../postgres/session.ts';

/** Of tables in schema replicator: what names an entry beside its relation, and what else is in it. */
const memories = [
  { name: 'tombstones', hash: 'key_hash', rest: { commit_time: 'timestamptz', rank: 'integer' } },
  {
    name: 'claims',
    hash: 'value_hash',
    rest: { key_hash: 'bigint', commit_time: 'timestamptz', rank: 'integer' },
  },
] as const;

/** So many entries at a time. */
const entriesPerStatement = 50_000;

/** The source's own stream can be behind a load; a copy that waits longer keeps WAL for nothing. */
const ownStreamTimeoutMs = 60_000;
/** Its own stream may wait for the table that we have locked. */
const lockedTimeoutMs = 5_000;

/**
 * Of what was committed on the source until now, also by itself: that it reads late, in its own stream. Throws TIMEOUT
 * where it is far behind.
 */
export async function untilRemembered(
  source: Session,
  timeoutMs = ownStreamTimeoutMs,
): Promise<void> {
  const { name } = source.database;
  const own = { source: name, target: name, syncs: [] };
  await waitForTargets(
    { subscriptions: [own] },
    new Map([[name, source]]),
    new Deadline(timeoutMs),
  );
}

/** The same of a target whose users are kept off the table meanwhile. Throws SERVER_BUSY where it is behind. */
export async function untilRememberedSoon(database: DatabaseConfig): Promise<void> {
  const { name } = database;
  await using session = await Session.connect(database, { purpose: 'copy', name });
  await untilRemembered(session, lockedTimeoutMs).catch((error: unknown) => {
    if (!(error instanceof ReplicatorError) || error.code !== 'TIMEOUT') throw error;
    throw new ReplicatorError('SERVER_BUSY', `${name} has not read all of its own changes yet`, {
      hint: `goes on by itself; is ${name}:${name} at work?`,
    });
  });
}

/**
 * What the target remembers of its users' writes to a table that is about to be filled: of rows that are gone, and are
 * none of those that come.
 */
export async function forgetOwnMemory(table: TableName, target: Session): Promise<void> {
  for (const memory of memories)
    await target.query(
      `delete from replicator.${memory.name} where relation = $1::regclass
         and rank = (select rank from replicator.ranks where database = $2)`,
      [quoteTable(table), target.database.name],
    );
}

/** As the source's session sees it. The target's greater versions stay. */
export async function copyMemory(
  table: TableName,
  source: Session,
  target: Session,
): Promise<void> {
  const label = quoteTable(table);
  for (const { name, hash, rest } of memories) {
    const columns = [hash, ...Object.keys(rest)];
    const types = ['bigint', ...Object.values(rest)];
    const set = Object.keys(rest).map((column) => `${column} = excluded.${column}`);
    let last: string | undefined;
    do {
      const found = await source.query(
        `select ${columns.map((column) => `${column}::text`).join(', ')} from replicator.${name}
         where relation = $1::regclass and ${hash} > $2 order by replicator.${name}.${hash} limit ${entriesPerStatement}`,
        [label, last ?? '-9223372036854775808'],
      );
      last = found.at(-1)?.[hash] ?? undefined;
      await target.query(
        `insert into replicator.${name} as m (relation, ${columns.join(', ')})
         select $1::regclass, u.* from unnest(${types.map((type, i) => `$${i + 2}::${type}[]`).join(', ')}) u
         on conflict (relation, ${hash}) do update set ${set.join(', ')}
         where (excluded.commit_time, excluded.rank) > (m.commit_time, m.rank)`,
        [label, ...columns.map((column) => found.map((row) => row[column]))],
      );
    } while (last !== undefined);
  }
}
