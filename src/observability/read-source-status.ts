// What a database says of itself as a source: its slot, its WAL, and what the daemon recorded.
import { type Lsn, parseLsn, zeroLsn } from '../model/lsn.ts';
import { tableLabel } from '../model/relation.ts';
import type { Session } from '../postgres/session.ts';
import { readOwner } from './read-owner.ts';
import type { Difference, LastError, OwnerStatus, SlotStatus } from './status.ts';

export interface SourceStatus {
  readonly slot: SlotStatus | undefined;
  readonly owner: OwnerStatus | undefined;
  readonly walLsn: Lsn;
  /** Everything before it is applied on every target; 0 while nobody streams. */
  readonly appliedLsn: Lsn;
  /** The server's clock, in seconds since 1970. */
  readonly now: number;
  /** A session of ours is copying from here. */
  readonly copying: boolean;
  readonly subscriptions: ReadonlyMap<
    string,
    { readonly state: string; readonly error: LastError | null }
  >;
  readonly differences: readonly Difference[];
}

export async function readSourceStatus(session: Session, slot: string): Promise<SourceStatus> {
  const server = await session.one<{ wal: string; now: string; copying: string }>(
    `select case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                 else pg_current_wal_lsn() end::text as wal,
            extract(epoch from now())::text as now,
            exists (select from pg_catalog.pg_stat_activity
                    where datname = current_database()
                      and application_name like 'replicator/%/copy')::text as copying`,
  );
  const [row] = await session.query(
    `select s.slot_name, s.active::text as active, s.restart_lsn::text as restart_lsn,
            s.confirmed_flush_lsn::text as confirmed_flush_lsn, s.wal_status,
            s.safe_wal_size::text as safe_wal_size, r.replay_lsn::text as replay_lsn
     from pg_catalog.pg_replication_slots s
     left join pg_catalog.pg_stat_replication r on r.pid = s.active_pid
     where s.slot_name = $1 and s.database = current_database()`,
    [slot],
  );
  const walLsn = parseLsn(server.wal);
  return {
    slot: row && slotStatus(session.database.name, row, walLsn),
    walLsn,
    appliedLsn: parseLsn(row?.['replay_lsn'] ?? '0/0'),
    now: Number(server.now),
    copying: server.copying === 'true',
    ...(await readRecorded(session)),
  };
}

function slotStatus(
  database: string,
  row: Readonly<Record<string, string | null>>,
  walLsn: Lsn,
): SlotStatus {
  const restart = row['restart_lsn'] ?? null;
  const retained = restart === null ? zeroLsn : walLsn - parseLsn(restart);
  const safe = row['safe_wal_size'] ?? null;
  return {
    database,
    slotName: row['slot_name'] ?? '',
    active: row['active'] === 'true',
    restartLsn: restart,
    confirmedFlushLsn: row['confirmed_flush_lsn'] ?? null,
    walStatus: row['wal_status'] ?? null,
    retainedBytes: Math.max(0, Number(retained)),
    safeWalSizeBytes: safe === null ? null : Number(safe),
  };
}

async function readRecorded(
  session: Session,
): Promise<Pick<SourceStatus, 'owner' | 'subscriptions' | 'differences'>> {
  const { found } = await session.one(
    `select (to_regclass('replicator.subscriptions') is not null)::text as found`,
  );
  if (found !== 'true') return { owner: undefined, subscriptions: new Map(), differences: [] };
  const states = await session.query(
    `select target, state, error_code, error_message, error_hint, error_at::text as error_at
     from replicator.subscriptions`,
  );
  const differences = await session.query(
    `select other, table_schema, table_name, only_here::text as only_here,
            only_there::text as only_there, differing::text as differing, keys::text as keys
     from replicator.differences order by 1, 2, 3`,
  );
  return {
    owner: await readOwner(session),
    subscriptions: new Map(
      states.map((row) => [
        row['target'] ?? '',
        { state: row['state'] ?? '', error: lastError(row) },
      ]),
    ),
    differences: differences.map((row) => ({
      database: session.database.name,
      other: row['other'] ?? '',
      table: tableLabel({ schema: row['table_schema'] ?? '', name: row['table_name'] ?? '' }),
      onlyHere: Number(row['only_here']),
      onlyThere: Number(row['only_there']),
      differing: Number(row['differing']),
      keys: JSON.parse(row['keys'] ?? '{}'),
    })),
  };
}

function lastError(row: Readonly<Record<string, string | null>>): LastError | null {
  if (row['error_code'] == null) return null;
  return {
    code: row['error_code'],
    message: row['error_message'] ?? '',
    hint: row['error_hint'] ?? '',
    at: row['error_at'] ?? '',
  };
}
