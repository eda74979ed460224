// A target whose place with its source is lost begins anew, because a person said so: its tables must
// be empty, and join once more by a copy.
import { mergeSyncs } from '../config/merge-syncs.ts';
import { ReplicatorError } from '../model/errors.ts';
import { formatLsn, type Lsn } from '../model/lsn.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { listTables } from '../postgres/catalog.ts';
import { endBackend } from '../postgres/end-backend.ts';
import { quoteTable } from '../postgres/identifiers.ts';
import type { JoinParties } from './decide-join.ts';
import { isEmpty } from './rows-there.ts';

/**
 * What a copy would bring rows into must be emptied by a person. Throws COPY_REFUSED with the statement
 * that does it; nothing has been changed then.
 */
export async function expectEmptied({ source, target, subscription }: JoinParties): Promise<void> {
  const wanted = mergeSyncs(subscription, await listTables(source));
  const there = new Set((await listTables(target)).map(tableLabel));
  const filled: TableName[] = [];
  for (const [label, { table }] of wanted)
    if (there.has(label) && !(await isEmpty(target, table))) filled.push(table);
  if (filled.length === 0) return;
  throw new ReplicatorError(
    'COPY_REFUSED',
    `${subscription.source}:${subscription.target}: is to begin anew, but is not empty on ` +
      `${subscription.target}: ${filled.map(tableLabel).join(', ')}`,
    {
      hint: `on ${subscription.target}: truncate ${filled.map(quoteTable).join(', ')}; it goes on by itself then`,
    },
  );
}

export interface Beginning {
  /** From here on the source holds everything. */
  readonly lsn: Lsn;
  /** Of the process that owns the source, and that one's id. */
  readonly epoch: bigint;
  readonly owner: string | undefined;
  /** Of the source. */
  readonly timeline: bigint;
}

/**
 * Where the target stood, and what it has, counts no more: who still writes there by that is refused by
 * the server from now on. Every table is to join by a copy, also where nothing is known of them, as in
 * a database that was made anew.
 */
export async function beginAnew(
  { source, target, subscription }: JoinParties,
  { lsn, epoch, owner, timeline }: Beginning,
): Promise<void> {
  const wanted = mergeSyncs(subscription, await listTables(source));
  const [former] = await target.query<{ pid: string; start: string }>(
    `select backend_pid::text as pid, backend_start::text as start from replicator.progress
     where source = $1 and backend_pid is not null`,
    [subscription.source],
  );
  if (former !== undefined) await endBackend(target, former);
  await target.transaction(async () => {
    await target.query(
      'update replicator.progress set lsn = $2, epoch = $3, owner = $4, timeline = $5 where source = $1',
      [subscription.source, formatLsn(lsn), epoch, owner ?? null, timeline],
    );
    await target.query('delete from replicator.tables where source = $1', [subscription.source]);
    const tables = [...wanted.values()];
    // At once: the lease is held meanwhile, and whoever holds it may not be silent for long.
    await target.query(
      `insert into replicator.tables
         (source, table_schema, table_name, sync, copied_at, copied, lost, resync)
       select $1, u.schema, u.name, u.sync, $2, false, true, true
       from unnest($3::text[], $4::text[], $5::text[]) as u(schema, name, sync)`,
      [
        subscription.source,
        formatLsn(lsn),
        tables.map(({ table }) => table.schema),
        tables.map(({ table }) => table.name),
        tables.map(({ syncs }) => syncs[0]),
      ],
    );
  });
}
