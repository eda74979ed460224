// Removes everything that we made on a database, and lists what is left to prove it.
import { ReplicatorError } from '../model/errors.ts';
import { quoteIdentifier, quoteLiteral } from '../postgres/identifiers.ts';
import { originName, publicationName, slotName } from '../postgres/object-names.ts';
import { originFunctions } from '../postgres/origin-functions.ts';
import { schemaExists } from '../postgres/own-schema.ts';
import type { Session } from '../postgres/session.ts';

export interface Trace {
  readonly kind: 'slot' | 'publication' | 'origin' | 'schema';
  readonly name: string;
  /** Only for slots: a session that reads it now. */
  readonly activePid?: string | undefined;
  /** Only for slots: WAL that the server keeps because of it. */
  readonly retainedBytes?: bigint;
}

/** What of ours there is in this database. `sources` are those that may have written here. */
export async function findTraces(session: Session, sources: readonly string[]): Promise<Trace[]> {
  const { name } = session.database;
  const hasSchema = await schemaExists(session);
  const origins = sources.map((source) => originName(source, name));
  if (hasSchema)
    for (const row of await session.query('select origin from replicator.progress'))
      origins.push(row['origin'] ?? '');
  const rows = await session.query(
    `select 'slot' as kind, slot_name as name, active_pid::text as pid,
            pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn)::bigint::text as retained
     from pg_catalog.pg_replication_slots
     where database = current_database() and (slot_name = $1 or slot_name like $2)
     union all
     select 'publication', pubname, null, null from pg_catalog.pg_publication where pubname = $3
     union all
     select 'origin', roname, null, null from pg_catalog.pg_replication_origin
     where roname = any($4::text[])
     union all
     select 'schema', nspname, null, null from pg_catalog.pg_namespace where nspname = 'replicator'`,
    [
      slotName(name),
      `${slotName(name).replaceAll('_', '\\_')}\\_\\_%`,
      publicationName(name),
      origins,
    ],
  );
  return rows.map((row) => ({
    kind: row['kind'] as Trace['kind'],
    name: row['name'] ?? '',
    activePid: row['pid'] ?? undefined,
    retainedBytes: BigInt(row['retained'] ?? 0),
  }));
}

/** Throws SLOT_ACTIVE, before anything is removed, while a replicator is at work here. */
export async function refuseActive(session: Session, traces: readonly Trace[]): Promise<void> {
  const active = traces.find(({ activePid }) => activePid !== undefined);
  if (active !== undefined)
    throw inUse(session, `slot ${active.name} is being read by process ${active.activePid}`);
  // During an initial copy, or while its source is away, nobody reads a slot.
  const [working] = await session.query(
    `select application_name as name, pid::text as pid from pg_catalog.pg_stat_activity
     where datname = current_database()
       and application_name ~ '^replicator/.*/(apply|control|copy|fetch|lease|walsender)( |$)'
     limit 1`,
  );
  if (working !== undefined)
    throw inUse(session, `${working['name']} is connected as process ${working['pid']}`);
}

function inUse({ database }: Session, what: string): ReplicatorError {
  return new ReplicatorError('SLOT_ACTIVE', `${database.name}: ${what}`, {
    hint: 'stop the replicator first',
  });
}

/** Removes the traces; gives the SQL that it ran. */
export async function removeTraces(session: Session, traces: readonly Trace[]): Promise<string[]> {
  const done: string[] = [];
  const functions = await originFunctions(session);
  const order: readonly Trace['kind'][] = ['slot', 'publication', 'origin', 'schema'];
  for (const kind of order)
    for (const trace of traces.filter((each) => each.kind === kind)) {
      const sql = removal(trace, functions);
      await session.query(sql);
      done.push(sql);
    }
  return done;
}

function removal({ kind, name }: Trace, originPrefix: string): string {
  switch (kind) {
    case 'slot':
      return `select pg_catalog.pg_drop_replication_slot(${quoteLiteral(name)})`;
    case 'publication':
      return `drop publication ${quoteIdentifier(name)}`;
    case 'origin':
      return `select ${originPrefix}drop(${quoteLiteral(name)})`;
    case 'schema':
      return `drop schema ${quoteIdentifier(name)} cascade`;
  }
}
