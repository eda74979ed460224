// What databases remember of conflicts (target/conflict writes it), for `replicator conflicts`.
import type { DatabaseConfig } from '../config/config.ts';
import { matchTables } from '../config/match-tables.ts';
import { asReplicatorError, type ReplicatorError } from '../model/errors.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { schemaExists } from '../postgres/own-schema.ts';
import { Session } from '../postgres/session.ts';

/** A row of `replicator conflicts --output json`, which is a promise (schemaVersion 1). */
export interface ConflictRow {
  /** `database:id`, the database being the one where it was decided. */
  readonly id: string;
  readonly database: string;
  /** By the clock of that database, as timestamptz text in UTC. */
  readonly decidedAt: string;
  readonly sync: string;
  readonly source: string;
  readonly table: string;
  readonly key: unknown;
  readonly type: string;
  /** `error` waits for a decision, unless there is one. */
  readonly resolution: string;
  readonly rule: string;
  readonly localDatabase: string | null;
  readonly localCommitTime: string | null;
  readonly remoteCommitTime: string | null;
  readonly localRow: unknown;
  readonly remoteRow: unknown;
  readonly decision: string | null;
  readonly decisionAt: string | null;
}

export const isUndecided = ({ resolution, decision }: ConflictRow): boolean =>
  resolution === 'error' && decision === null;

export interface ConflictsWanted {
  readonly sinceMs: number | undefined;
  /** A pattern as in the file. */
  readonly table: string | undefined;
  /** Of each database the newest so many, besides those that wait for a decision. */
  readonly limit: number;
}

export interface ConflictList {
  /** Newest last, by the clocks of the databases. */
  readonly conflicts: readonly ConflictRow[];
  readonly unreachable: ReadonlyMap<string, ReplicatorError>;
}

export async function readConflicts(
  databases: readonly DatabaseConfig[],
  wanted: ConflictsWanted,
): Promise<ConflictList> {
  const unreachable = new Map<string, ReplicatorError>();
  const found = await Promise.all(
    databases.map(async (database) => {
      try {
        await using session = await Session.connect(database, {
          purpose: 'status',
          name: database.name,
        });
        return await readFrom(session, wanted);
      } catch (error) {
        unreachable.set(database.name, asReplicatorError(error));
        return [];
      }
    }),
  );
  const conflicts = found.flat().sort((a, b) => compareTexts(a.decidedAt, b.decidedAt));
  return { conflicts, unreachable };
}

/** Timestamps that our sessions print have the order of their texts. */
function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** By the names that the tables have now; those that are gone by their last. */
const conflictsByName = `(
  select c.*, coalesce(n.nspname, c.table_schema) as schema, coalesce(t.relname, c.table_name) as name
  from replicator.conflicts c
  left join pg_catalog.pg_class t on t.oid = c.relation
  left join pg_catalog.pg_namespace n on n.oid = t.relnamespace) c`;

const conflictsQuery = `
  select c.decided_at, c.id, json_build_object(
    'id', $1::text || ':' || c.id, 'database', $1::text, 'decidedAt', c.decided_at::text,
    'sync', c.sync, 'source', c.source,
    'table', json_build_object('schema', c.schema, 'name', c.name), 'key', c.key,
    'type', c.conflict_type, 'resolution', c.resolution, 'rule', c.rule,
    'localDatabase', c.local_database, 'localCommitTime', c.local_commit_time::text,
    'remoteCommitTime', c.remote_commit_time::text, 'localRow', c.local_row,
    'remoteRow', c.remote_row, 'decision', c.decision, 'decisionAt', c.decision_at::text) as row
  from ${conflictsByName}
  where ($2::bigint is null or c.decided_at >= now() - $2::bigint * interval '1 ms')
    and ($3::text[] is null
         or (c.schema, c.name) in (select * from unnest($3::text[], $4::text[])))`;

const waits = `(c.resolution = 'error' and c.decision is null)`;

const listQuery = `
  select found.row::text as json from (
    (${conflictsQuery} and ${waits})
    union all
    (${conflictsQuery} and not ${waits} order by c.decided_at desc, c.id desc limit $5::bigint)
  ) found order by found.decided_at, found.id`;

async function readFrom(session: Session, wanted: ConflictsWanted): Promise<ConflictRow[]> {
  if (!(await schemaExists(session))) return [];
  const tables = wanted.table === undefined ? undefined : await matching(session, wanted.table);
  const rows = await session.query<{ json: string }>(listQuery, [
    session.database.name,
    wanted.sinceMs === undefined ? null : String(wanted.sinceMs),
    tables?.map(({ schema }) => schema) ?? null,
    tables?.map(({ name }) => name) ?? null,
    String(wanted.limit),
  ]);
  return rows.map(({ json }) => {
    const row = JSON.parse(json) as ConflictRow & { readonly table: TableName };
    return { ...row, table: tableLabel(row.table) };
  });
}

async function matching(session: Session, pattern: string): Promise<TableName[]> {
  const tables = await session.query<{ schema: string; name: string }>(
    `select distinct c.schema, c.name from ${conflictsByName}`,
  );
  return matchTables({ tables: [pattern], exclude: [] }, tables);
}
