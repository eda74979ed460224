// What a database says of itself as a target: how far each source is applied, and which tables.
import { type Lsn, parseLsn } from '../model/lsn.ts';
import type { Session } from '../postgres/session.ts';
import type { ConflictTypeCount } from './status.ts';
import { type JoinedTable, joinedTables } from './waiting-tables.ts';

export interface AppliedProgress {
  readonly lsn: Lsn;
  /** Of the last applied transaction, in seconds since 1970. */
  readonly commitTime: number | null;
  /** When something was last applied, by the target's clock, as timestamptz text. */
  readonly appliedAt: string | null;
  readonly inserts: number;
  readonly updates: number;
  readonly deletes: number;
  readonly truncates: number;
  /** How long ago a clock of the source was seen here, in seconds; null when never. */
  readonly unseenSeconds: number | null;
}

export interface TargetStatus {
  /** By source. */
  readonly progress: ReadonlyMap<string, AppliedProgress>;
  /** Those that have joined, by source. */
  readonly tables: ReadonlyMap<string, readonly JoinedTable[]>;
  /** By source. */
  readonly conflictCounts: ReadonlyMap<string, readonly ConflictTypeCount[]>;
  /** The oldest delete that is remembered, as timestamptz text. */
  readonly oldestTombstone: string | null;
}

export async function readTargetStatus(session: Session): Promise<TargetStatus> {
  const { found } = await session.one(
    `select (to_regclass('replicator.progress') is not null)::text as found`,
  );
  if (found !== 'true')
    return {
      progress: new Map(),
      tables: new Map(),
      conflictCounts: new Map(),
      oldestTombstone: null,
    };
  const rows = await session.query(
    `select source, lsn::text as lsn, extract(epoch from commit_time)::text as commit_time,
            applied_at::text as applied_at,
            inserts::text as inserts, updates::text as updates, deletes::text as deletes,
            truncates::text as truncates,
            extract(epoch from clock_timestamp() - seen_time)::text as unseen
     from replicator.progress`,
  );
  const oldest = await session.one(
    'select min(commit_time)::text as oldest from replicator.tombstones',
  );
  return {
    progress: new Map(
      rows.map((row) => [
        row['source'] ?? '',
        {
          lsn: parseLsn(row['lsn'] ?? '0/0'),
          commitTime: row['commit_time'] == null ? null : Number(row['commit_time']),
          appliedAt: row['applied_at'] ?? null,
          inserts: Number(row['inserts']),
          updates: Number(row['updates']),
          deletes: Number(row['deletes']),
          truncates: Number(row['truncates']),
          unseenSeconds: row['unseen'] == null ? null : Number(row['unseen']),
        },
      ]),
    ),
    tables: await joinedTables(session),
    conflictCounts: await readConflictCounts(session),
    oldestTombstone: oldest['oldest'] ?? null,
  };
}

async function readConflictCounts(session: Session): Promise<Map<string, ConflictTypeCount[]>> {
  const rows = await session.query(
    `select source, conflict_type, resolution, count::text as count
     from replicator.conflict_counts order by 1, 2, 3`,
  );
  const counts = new Map<string, ConflictTypeCount[]>();
  for (const row of rows) {
    const source = row['source'] ?? '';
    const type = row['conflict_type'] ?? '';
    const count = { type, resolution: row['resolution'] ?? '', count: Number(row['count']) };
    counts.set(source, [...(counts.get(source) ?? []), count]);
  }
  return counts;
}
