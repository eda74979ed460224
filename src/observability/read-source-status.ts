// What a database says of itself as a source: its slot, its WAL, and what the daemon recorded.
import { type Lsn, parseLsn, zeroLsn } from '../model/lsn.ts';
import { tableLabel } from '../model/relation.ts';
import { slotCopyName, slotName, targetOfSlotCopy } from '../postgres/object-names.ts';
import { schemaExists } from '../postgres/own-schema.ts';
import type { Row, Session } from '../postgres/session.ts';
import { readOwner } from './read-owner.ts';
import type { Difference, LastError, OwnerStatus, SlotStatus } from './status.ts';
import type { RecordedState } from './subscription-state.ts';

export interface SourceStatus {
  /** The slot of all first, then those of targets that cannot follow. */
  readonly slots: readonly SlotStatus[];
  readonly owner: OwnerStatus | undefined;
  readonly walLsn: Lsn;
  /** Everything before it is applied on every target of that slot; 0 while nobody streams it. */
  readonly appliedLsn: ReadonlyMap<string | null, Lsn>;
  /** The server's clock, in seconds since 1970. */
  readonly now: number;
  /** A session of ours is copying from here. */
  readonly copying: boolean;
  readonly subscriptions: ReadonlyMap<
    string,
    RecordedState & {
      /** It was given up. Another is kept only by a slot of its own. */
      readonly placeLost: boolean;
      readonly error: LastError | null;
    }
  >;
  readonly differences: readonly Difference[];
}

/** `giveUpBytes`: WAL beyond which the place of a single target is given up. */
export async function readSourceStatus(
  session: Session,
  giveUpBytes: number | undefined,
): Promise<SourceStatus> {
  const server = await session.one<{ wal: string; now: string; copying: string }>(
    `select case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                 else pg_current_wal_lsn() end::text as wal,
            extract(epoch from now())::text as now,
            exists (select from pg_catalog.pg_stat_activity
                    where datname = current_database()
                      and application_name like 'replicator/%/copy')::text as copying`,
  );
  const { name } = session.database;
  const rows = await session.query(
    `select s.slot_name, s.active::text as active, s.restart_lsn::text as restart_lsn,
            s.confirmed_flush_lsn::text as confirmed_flush_lsn, s.wal_status,
            s.safe_wal_size::text as safe_wal_size, r.replay_lsn::text as replay_lsn
     from pg_catalog.pg_replication_slots s
     left join pg_catalog.pg_stat_replication r on r.pid = s.active_pid
     where s.database = current_database()
       and (s.slot_name = $1 or pg_catalog.starts_with(s.slot_name::text, $2))
     order by s.slot_name <> $1, s.slot_name`,
    [slotName(name), slotCopyName(name, '')],
  );
  const walLsn = parseLsn(server.wal);
  const bytesPerSecond = await walRate(session, walLsn);
  const recorded = await targetsOfSlots(session);
  const targetOf = (row: Row) => {
    const slot = row['slot_name'] ?? '';
    return recorded.get(slot) ?? targetOfSlotCopy(name, slot) ?? null;
  };
  return {
    slots: rows.map((row) =>
      slotStatus(name, targetOf(row), row, { walLsn, bytesPerSecond, giveUpBytes }),
    ),
    walLsn,
    appliedLsn: new Map(rows.map((row) => [targetOf(row), parseLsn(row['replay_lsn'] ?? '0/0')])),
    now: Number(server.now),
    copying: server.copying === 'true',
    ...(await readRecorded(session)),
  };
}

/** By the slot's name: a copy keeps that when its target gets another. */
async function targetsOfSlots(session: Session): Promise<ReadonlyMap<string, string>> {
  if (!(await schemaExists(session))) return new Map();
  const rows = await session.query(
    'select slot_name, target from replicator.slots where target is not null',
  );
  return new Map(rows.map((row) => [row['slot_name'] ?? '', row['target'] ?? '']));
}

interface WalFacts {
  readonly walLsn: Lsn;
  readonly bytesPerSecond: number;
  readonly giveUpBytes: number | undefined;
}

function slotStatus(
  database: string,
  target: string | null,
  row: Row,
  { walLsn, bytesPerSecond, giveUpBytes }: WalFacts,
): SlotStatus {
  const restart = row['restart_lsn'] ?? null;
  const retained = restart === null ? zeroLsn : walLsn - parseLsn(restart);
  const safe = row['safe_wal_size'] ?? null;
  const retainedBytes = Math.max(0, Number(retained));
  const left = Math.min(
    safe === null ? Number.POSITIVE_INFINITY : Number(safe),
    target === null || giveUpBytes === undefined
      ? Number.POSITIVE_INFINITY
      : giveUpBytes - retainedBytes,
  );
  const seconds = Math.max(0, Math.round(left / bytesPerSecond));
  return {
    database,
    slotName: row['slot_name'] ?? '',
    target,
    active: row['active'] === 'true',
    restartLsn: restart,
    confirmedFlushLsn: row['confirmed_flush_lsn'] ?? null,
    walStatus: row['wal_status'] ?? null,
    retainedBytes,
    safeWalSizeBytes: safe === null ? null : Number(safe),
    secondsToLimit: Number.isFinite(seconds) ? seconds : null,
  };
}

/** Bytes per second since the source was set up. */
async function walRate(session: Session, walLsn: Lsn): Promise<number> {
  if (!(await schemaExists(session))) return 0;
  const [row] = await session.query(
    `select consistent_lsn::text as lsn, extract(epoch from now() - created_at)::text as seconds
     from replicator.slots where slot_name = $1 and consistent_lsn is not null`,
    [slotName(session.database.name)],
  );
  if (row === undefined) return 0;
  return Number(walLsn - parseLsn(row['lsn'] ?? '0/0')) / Math.max(1, Number(row['seconds']));
}

async function readRecorded(
  session: Session,
): Promise<Pick<SourceStatus, 'owner' | 'subscriptions' | 'differences'>> {
  const { found } = await session.one(
    `select (to_regclass('replicator.subscriptions') is not null)::text as found`,
  );
  if (found !== 'true') return { owner: undefined, subscriptions: new Map(), differences: [] };
  const states = await session.query(
    `select target, state, error_code, error_message, error_hint, error_at::text as error_at,
            paused::text as paused,
            (given_up_at is not null)::text as place_lost,
            case when resync_wished_at is null then given_up_at::text end as given_up_at
     from replicator.subscriptions`,
  );
  const differences = await session.query(
    `select other, table_schema, table_name, only_here::text as only_here,
            only_there::text as only_there, differing::text as differing, keys::text as keys,
            compared_at::text as compared_at
     from replicator.differences order by 1, 2, 3`,
  );
  return {
    owner: await readOwner(session),
    subscriptions: new Map(
      states.map((row) => [
        row['target'] ?? '',
        {
          state: row['state'] ?? '',
          paused: row['paused'] === 'true',
          givenUpAt: row['given_up_at'] ?? null,
          placeLost: row['place_lost'] === 'true',
          error: lastError(row),
        },
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
      comparedAt: row['compared_at'] ?? null,
    })),
  };
}

function lastError(row: Row): LastError | null {
  if (row['error_code'] == null) return null;
  return {
    code: row['error_code'],
    message: row['error_message'] ?? '',
    hint: row['error_hint'] ?? '',
    at: row['error_at'] ?? '',
  };
}
