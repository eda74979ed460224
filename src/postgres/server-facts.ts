// What we need to know of a server and a database before we do anything there.
import { type Lsn, parseLsn } from '../model/lsn.ts';
import type { Session } from './session.ts';

export interface ServerFacts {
  /** As server_version_num: 180004 is 18.4. */
  readonly version: number;
  readonly major: number;
  /** Of the cluster; the same on its physical standbys and copies. */
  readonly systemIdentifier: string;
  readonly databaseOid: string;
  /** Another one after every promotion or recovery to a point in time; 0 on a standby. */
  readonly timeline: bigint;
  /** A standby: it cannot be written to. */
  readonly inRecovery: boolean;
  /** End of the WAL that is on disk; on a standby of what was replayed. */
  readonly walFlushLsn: Lsn;
  readonly superuser: boolean;
}

/** Which database it is, whatever its name in the file. */
export type DatabaseIdentity = Pick<ServerFacts, 'systemIdentifier' | 'databaseOid'>;

const factsQuery = `
  select current_setting('server_version_num') as version,
         system_identifier::text as system_identifier,
         (select oid::text from pg_catalog.pg_database where datname = current_database())
           as database_oid,
         pg_is_in_recovery()::text as in_recovery,
         -- That of the last checkpoint would still be the former one for a while.
         case when pg_is_in_recovery() then '00000000'
              else left(pg_walfile_name(pg_current_wal_lsn()), 8) end as timeline,
         case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
              else pg_current_wal_flush_lsn() end::text as wal_flush_lsn,
         (select rolsuper::text from pg_catalog.pg_roles where rolname = current_user) as superuser
  from pg_catalog.pg_control_system()`;

export async function serverFacts(session: Session): Promise<ServerFacts> {
  const row = await session.one<{
    version: string;
    system_identifier: string;
    database_oid: string;
    timeline: string;
    in_recovery: string;
    wal_flush_lsn: string;
    superuser: string;
  }>(factsQuery);
  const version = Number(row.version);
  return {
    version,
    major: Math.floor(version / 10_000),
    systemIdentifier: row.system_identifier,
    databaseOid: row.database_oid,
    timeline: BigInt(`0x${row.timeline}`),
    inRecovery: row.in_recovery === 'true',
    walFlushLsn: parseLsn(row.wal_flush_lsn),
    superuser: row.superuser === 'true',
  };
}
