// Before a stream is started: is this still the database, the timeline and the slot that was set
// up, and does the slot still hold what every target needs? A gap is refused, never papered over.
import { ReplicatorError } from '../../model/errors.ts';
import { formatLsn, type Lsn, parseLsn } from '../../model/lsn.ts';
import { type ServerFacts, serverFacts } from '../../postgres/server-facts.ts';
import type { Session } from '../../postgres/session.ts';
import type { Subscriber } from '../subscriber.ts';

export interface SlotPosition {
  readonly facts: ServerFacts;
  readonly confirmedLsn: Lsn;
  readonly publicationOid: string;
  /** What is published, as a text. */
  readonly tables: string;
  /** A quarter of it is how often the walsender must hear from us; 0 = no timeout. */
  readonly walSenderTimeoutMs: number;
}

const slotQuery = `
  select i.system_identifier, i.database_oid::text as database_oid,
         s.state as recorded_state,
         s.publication_oid::text as publication_oid,
         (select p.oid::text from pg_catalog.pg_publication p where p.pubname = $2)
           as found_publication_oid,
         r.plugin, r.database, r.confirmed_flush_lsn::text as confirmed_lsn, r.wal_status,
         (r.slot_name is not null)::text as found,
         (select string_agg(format('%I.%I', t.schemaname, t.tablename), ', ' order by 1)
          from pg_catalog.pg_publication_tables t
          where t.pubname = $2 and t.schemaname <> 'replicator') as tables,
         (select setting from pg_catalog.pg_settings where name = 'wal_sender_timeout')
           as wal_sender_timeout
  from replicator.installation i
  left join replicator.slots s on s.slot_name = $1
  left join pg_catalog.pg_replication_slots r on r.slot_name = $1`;

/**
 * `timeline`: the one on which it was judged whether source and targets meet. Throws IDENTITY,
 * SLOT_MISSING, SLOT_LOST, PUBLICATION_CHANGED or NOT_SET_UP; SERVER_BUSY when it is on another one
 * by now.
 */
export async function verifySlot(
  session: Session,
  slot: string,
  publication: string,
  timeline: bigint,
): Promise<SlotPosition> {
  const name = session.database.name;
  const facts = await serverFacts(session);
  const [row] = await session.query(slotQuery, [slot, publication]);
  const refuse = (code: ConstructorParameters<typeof ReplicatorError>[0], what: string): never => {
    const isLost =
      code === 'SLOT_MISSING' || code === 'SLOT_LOST' || code === 'PUBLICATION_CHANGED';
    const hint =
      isLost && row?.['tables']
        ? { hint: `\`replicator resync\` its targets, for ${row['tables']}` }
        : {};
    throw new ReplicatorError(code, `${name}: ${what}`, hint);
  };
  if (row === undefined || row['recorded_state'] !== 'created')
    return refuse('NOT_SET_UP', `slot ${slot} was never created`);
  if (facts.inRecovery) return refuse('READ_ONLY', 'is a standby and cannot be written to');
  if (
    row['system_identifier'] !== facts.systemIdentifier ||
    row['database_oid'] !== facts.databaseOid
  )
    return refuse('IDENTITY', 'another cluster or database answers than the one that was set up');
  if (facts.timeline !== timeline)
    return refuse('SERVER_BUSY', `it was promoted: it is on timeline ${facts.timeline} now`);
  if (row['found'] !== 'true') return refuse('SLOT_MISSING', `slot ${slot} is gone`);
  if (row['plugin'] !== 'pgoutput' || row['database'] !== session.database.dbname)
    return refuse(
      'IDENTITY',
      `slot ${slot} belongs to database ${row['database']} with plugin ${row['plugin']}`,
    );
  if (row['wal_status'] === 'lost')
    return refuse('SLOT_LOST', `WAL that slot ${slot} needs was removed`);
  if (
    row['found_publication_oid'] === null ||
    row['publication_oid'] !== row['found_publication_oid']
  )
    return refuse(
      'PUBLICATION_CHANGED',
      `publication ${publication} was dropped, recreated or altered`,
    );
  return {
    facts,
    confirmedLsn: parseLsn(row['confirmed_lsn'] ?? '0/0'),
    publicationOid: row['publication_oid'] ?? '',
    tables: row['tables'] ?? '',
    walSenderTimeoutMs: Number(row['wal_sender_timeout']),
  };
}

/** What is wrong between one target's progress and the slot, or undefined when they meet. */
export function findGap(
  { name }: Pick<Subscriber, 'name'>,
  progress: Lsn,
  { confirmedLsn, facts, tables }: SlotPosition,
): ReplicatorError | undefined {
  const hint = { hint: `\`replicator resync ${name}\` for ${tables}` };
  if (progress < confirmedLsn)
    return new ReplicatorError(
      'GAP',
      `${name}: the target stands at ${formatLsn(progress)}, but the slot was confirmed ` +
        `up to ${formatLsn(confirmedLsn)}: what lies between is gone`,
      hint,
    );
  if (progress > facts.walFlushLsn)
    return new ReplicatorError(
      'IDENTITY',
      `${name}: the target stands at ${formatLsn(progress)}, but the source's WAL ends at ` +
        `${formatLsn(facts.walFlushLsn)}: the source was rewound or restored`,
      hint,
    );
  return undefined;
}
