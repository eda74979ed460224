// What a database says of itself as a target: how far each source is applied, and which tables.
import { type Lsn, parseLsn } from '../model/lsn.ts';
import { tableLabel } from '../model/relation.ts';
import type { Session } from '../postgres/session.ts';

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
  readonly conflicts: number;
}

export interface TargetStatus {
  /** By source. */
  readonly progress: ReadonlyMap<string, AppliedProgress>;
  /** Labels of the tables that have joined, by source. */
  readonly tables: ReadonlyMap<string, ReadonlySet<string>>;
}

export async function readTargetStatus(session: Session): Promise<TargetStatus> {
  const { found } = await session.one(
    `select (to_regclass('replicator.progress') is not null)::text as found`,
  );
  if (found !== 'true') return { progress: new Map(), tables: new Map() };
  const rows = await session.query(
    `select source, lsn::text as lsn, extract(epoch from commit_time)::text as commit_time,
            applied_at::text as applied_at,
            inserts::text as inserts, updates::text as updates, deletes::text as deletes,
            truncates::text as truncates,
            conflicts::text as conflicts
     from replicator.progress`,
  );
  const joined = await session.query(
    'select source, table_schema as schema, table_name as name from replicator.tables',
  );
  const tables = new Map<string, Set<string>>();
  for (const row of joined) {
    const source = row['source'] ?? '';
    const label = tableLabel({ schema: row['schema'] ?? '', name: row['name'] ?? '' });
    tables.set(source, (tables.get(source) ?? new Set()).add(label));
  }
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
          conflicts: Number(row['conflicts']),
        },
      ]),
    ),
    tables,
  };
}
