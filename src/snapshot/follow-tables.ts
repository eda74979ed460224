// A table that has joined is known by its oids on both sides, so that a new name changes nothing, and
// another table under the old name is not taken for it.
import type { Logger } from 'pino';
import { ReplicatorError } from '../model/errors.ts';
import { type Lsn, parseLsn } from '../model/lsn.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { publicationName } from '../postgres/object-names.ts';
import { type PublishedTable, publishedTables } from '../postgres/publication.ts';
import type { Session } from '../postgres/session.ts';

interface Parties {
  readonly source: Session;
  readonly target: Session;
  readonly log: Logger;
}

interface Followed extends TableName {
  readonly lost: boolean;
  readonly copied: boolean;
  readonly copiedAt: Lsn;
  /** Null until its first attach after it joined. */
  readonly sourceOid: string | null;
  readonly membership: string | null;
  readonly targetOid: string | null;
}

/** By label: a person asked for a copy of the table. */
export type LostTables = ReadonlyMap<string, boolean>;

/** Which table of the target takes the changes of which table of the source, by their oids. */
export type TargetOids = ReadonlyMap<number, string>;

/**
 * Takes over new names, and marks as lost what is another table now or was not published all the
 * time: it misses changes that nobody will send, and must join anew. Labels of those are given back,
 * each with whether a person asked for a copy.
 */
export async function followTables(
  subscription: string,
  parties: Parties & {
    /** What the target has passed by of the source. */
    readonly progress: Lsn;
    /** By label: what the file names of the source, as it is called now. */
    readonly wanted: ReadonlyMap<string, unknown>;
  },
): Promise<LostTables> {
  const { source, target, log, progress, wanted } = parties;
  const records = await readFollowed(target, source.database.name);
  const published = await publishedTables(source, publicationName(source.database.name));
  const here = new Map(published.map((table) => [table.oid, table]));
  const there = await namesOf(
    target,
    records.flatMap(({ targetOid }) => targetOid ?? []),
  );
  const renamed = renamedOf(records, { here, wanted });
  // In one transaction: what is lost must be found by its new name as well.
  await target.transaction(async () => {
    for (const record of records) {
      const reason = record.lost ? undefined : lossOf(record, { progress, here, there, wanted });
      if (reason === undefined) continue;
      log.warn({ subscription, table: tableLabel(record) }, `table ${reason}: it must join anew`);
      await target.query(
        `update replicator.tables set lost = true
         where source = $1 and table_schema = $2 and table_name = $3`,
        [source.database.name, record.schema, record.name],
      );
    }
    await rename(renamed, parties);
  });
  const lost = await target.query<{ schema: string; name: string; resync: string }>(
    `select table_schema as schema, table_name as name, resync::text as resync
     from replicator.tables where source = $1 and lost`,
    [source.database.name],
  );
  return new Map(lost.map((table) => [tableLabel(table), table.resync === 'true']));
}

interface Names {
  /** Of the source, by oid. */
  readonly here: ReadonlyMap<string, PublishedTable>;
  readonly wanted: ReadonlyMap<string, unknown>;
}

interface Known extends Names {
  readonly progress: Lsn;
  readonly there: ReadonlyMap<string, TableName>;
}

function lossOf(record: Followed, { progress, here, there, wanted }: Known): string | undefined {
  const { copied, copiedAt, sourceOid, membership, targetOid } = record;
  // By a process that did not know yet that another source's copy had brought it.
  if (copied && sourceOid === null && copiedAt < progress)
    return 'lacks changes that were passed by since it was copied';
  if (sourceOid === null || targetOid === null) return undefined;
  const published = here.get(sourceOid);
  if (published === undefined)
    return 'has left the publication, or is another one of the same name';
  if (leavesFile(record, published, wanted)) return 'is another one of the same name';
  if (published.membership !== membership) return 'was out of the publication for a while';
  if (!there.has(targetOid)) return 'was dropped on the target';
  return undefined;
}

/** What the file names is another table by now. */
function leavesFile(
  record: TableName,
  now: TableName,
  wanted: ReadonlyMap<string, unknown>,
): boolean {
  return wanted.has(tableLabel(record)) && !wanted.has(tableLabel(now));
}

interface Renamed {
  readonly record: Followed;
  readonly now: PublishedTable;
}

function renamedOf(records: readonly Followed[], { here, wanted }: Names): Renamed[] {
  // One that was lost may have joined anew under another name: that record is the later one.
  const byOid = new Map(records.map((record) => [record.sourceOid, record]));
  return [...byOid.values()].flatMap((record) => {
    const now = here.get(record.sourceOid ?? '');
    if (now === undefined || tableLabel(now) === tableLabel(record)) return [];
    return leavesFile(record, now, wanted) ? [] : [{ record, now }];
  });
}

async function rename(
  renamed: readonly Renamed[],
  { source, target, log }: Parties,
): Promise<void> {
  const setName = `update replicator.tables set table_schema = $4, table_name = $5
    where source = $1 and table_schema = $2 and table_name = $3`;
  const { name: ofSource } = source.database;
  // Out of the way first, as two tables may have changed names with each other.
  for (const { record, now } of renamed) {
    log.info({ table: tableLabel(record), name: tableLabel(now) }, 'table has a new name');
    await target.query(setName, [ofSource, record.schema, record.name, '', now.oid]);
  }
  for (const { now } of renamed) {
    // Whatever had that name is not the table of that name any more.
    await target.query(
      `delete from replicator.tables where source = $1 and table_schema = $2 and table_name = $3`,
      [ofSource, now.schema, now.name],
    );
    await target.query(setName, [ofSource, '', now.oid, now.schema, now.name]);
  }
}

/** Remembers which tables joined under these names, and gives the oids of all that have. */
export async function identifyTables({ source, target }: Parties): Promise<TargetOids> {
  const published = await publishedTables(source, publicationName(source.database.name));
  const byLabel = new Map(published.map((table) => [tableLabel(table), table]));
  for (const record of await readFollowed(target, source.database.name)) {
    const table = byLabel.get(tableLabel(record));
    if (record.lost || record.sourceOid !== null || table === undefined) continue;
    const found = await target.query(
      `update replicator.tables r set source_oid = $2, membership = $3, target_oid = c.oid
       from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       where r.source = $1 and r.table_schema = $4 and r.table_name = $5
         and n.nspname = r.table_schema and c.relname = r.table_name
       returning 1`,
      [source.database.name, table.oid, table.membership, record.schema, record.name],
    );
    if (found.length === 0)
      throw new ReplicatorError(
        'SCHEMA_DRIFT',
        `${target.database.name}: table ${tableLabel(record)} does not exist`,
        {
          hint: `create it as on the source: pg_dump --schema-only --table '${tableLabel(record)}'`,
        },
      );
  }
  const records = await readFollowed(target, source.database.name);
  return new Map(
    records.flatMap(({ lost, sourceOid, targetOid }) =>
      lost || sourceOid === null || targetOid === null ? [] : [[Number(sourceOid), targetOid]],
    ),
  );
}

/** Those that are lost first. */
async function readFollowed(target: Session, source: string): Promise<Followed[]> {
  const rows = await target.query<{
    schema: string;
    name: string;
    source_oid: string | null;
    membership: string | null;
    target_oid: string | null;
    lost: string;
    copied: string;
    copied_at: string;
  }>(
    `select table_schema as schema, table_name as name, source_oid::text, membership::text,
            target_oid::text, lost::text, copied::text, copied_at::text
     from replicator.tables where source = $1 order by tables.lost desc, 1, 2`,
    [source],
  );
  return rows.map(
    ({ schema, name, source_oid, membership, target_oid, lost, copied, copied_at }) => ({
      schema,
      name,
      lost: lost === 'true',
      copied: copied === 'true',
      copiedAt: parseLsn(copied_at),
      sourceOid: source_oid,
      membership,
      targetOid: target_oid,
    }),
  );
}

async function namesOf(
  session: Session,
  oids: readonly string[],
): Promise<ReadonlyMap<string, TableName>> {
  const rows = await session.query<{ oid: string; schema: string; name: string }>(
    `select c.oid::text as oid, n.nspname as schema, c.relname as name
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.oid = any($1::oid[])`,
    [oids],
  );
  return new Map(rows.map((row) => [row.oid, row]));
}
