// What a target remembers of the tables of a source that have joined.
import type { TableOptions } from '../config/merge-syncs.ts';
import { type Lsn, parseLsn } from '../model/lsn.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import type { Session } from '../postgres/session.ts';

export interface Joined {
  readonly copiedAt: Lsn;
  readonly sync: string;
  /** Undefined until it is identified. */
  readonly sourceOid?: number | undefined;
  readonly membership?: string | undefined;
}

/** By table label. */
export async function readJoined(target: Session, source: string): Promise<Map<string, Joined>> {
  const rows = await target.query<{
    schema: string;
    name: string;
    copied_at: string;
    sync: string;
    source_oid: string | null;
    membership: string | null;
  }>(
    `select table_schema as schema, table_name as name, copied_at::text, sync, source_oid::text,
            membership::text
     from replicator.tables where source = $1 and not lost`,
    [source],
  );
  return new Map(
    rows.map((row) => [
      tableLabel(row),
      {
        copiedAt: parseLsn(row.copied_at),
        sync: row.sync,
        sourceOid: row.source_oid === null ? undefined : Number(row.source_oid),
        membership: row.membership ?? undefined,
      },
    ]),
  );
}

/** A table that left the file must join anew if it returns: its changes are lost meanwhile. */
export async function forgetLeft(
  target: Session,
  source: string,
  joined: Map<string, Joined>,
  wanted: ReadonlyMap<string, TableOptions>,
): Promise<void> {
  const rows = await target.query<{ schema: string; name: string }>(
    'select table_schema as schema, table_name as name from replicator.tables where source = $1',
    [source],
  );
  for (const row of rows) {
    const label = tableLabel(row);
    if (wanted.has(label)) continue;
    await forget(target, source, row);
    joined.delete(label);
  }
}

async function forget(target: Session, source: string, table: TableName): Promise<void> {
  await target.query(
    'delete from replicator.tables where source = $1 and table_schema = $2 and table_name = $3',
    [source, table.schema, table.name],
  );
}
