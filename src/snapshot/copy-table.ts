// The rows of one table, from a snapshot of the source into the target, and the record that they
// are there: one transaction, so that a crash leaves the table whole or untouched.
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { ReplicatorError } from '../model/errors.ts';
import { formatLsn, type Lsn, maxLsn, parseLsn, zeroLsn } from '../model/lsn.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { type CatalogTable, describeTables } from '../postgres/catalog.ts';
import { quoteIdentifier, quoteLiteral, quoteTable } from '../postgres/identifiers.ts';
import { schemaExists } from '../postgres/own-schema.ts';
import { serverFacts } from '../postgres/server-facts.ts';
import type { Session } from '../postgres/session.ts';
import { fromPostgres } from '../postgres/sqlstate.ts';
import { copyMemory } from './copy-memory.ts';
import { type CopyVersionsOptions, copyVersions } from './copy-versions.ts';
import type { ExportedSnapshot } from './exported-snapshot.ts';

export interface CopyProgress {
  readonly table: string;
  readonly bytes: number;
  readonly done: boolean;
}

export interface Feed {
  readonly source: string;
  /** The sync that the table comes from. */
  readonly sync: string;
}

/** In an INSERT of a table's record; one that is lost makes way. */
export const unlessJoined = `on conflict (source, table_schema, table_name) do update
  set sync = excluded.sync, copied_at = excluded.copied_at, copied = excluded.copied,
      reached_lsn = excluded.reached_lsn, joined_at = now(), source_oid = null, membership = null,
      target_oid = null, lost = false, resync = false
  where tables.lost`;

export interface CopyOptions extends CopyVersionsOptions {
  readonly snapshot: ExportedSnapshot;
  /** The copied database first, then the others that bring the table to the target. */
  readonly feeds: readonly Feed[];
  /** How much of each source the copied database had when the snapshot, and what was remembered, was taken. */
  readonly reached: ReadonlyMap<string, Lsn>;
  readonly onProgress: (progress: CopyProgress) => void;
}

/** Throws COPY_REFUSED when the table is not empty on the target. */
export async function copyTable(table: TableName, options: CopyOptions): Promise<void> {
  const { source, target, snapshot } = options;
  const [described] = await describeTables(source, [table]);
  if (described === undefined)
    throw new ReplicatorError(
      'SCHEMA_DRIFT',
      `${source.database.name}: ${tableLabel(table)} is gone`,
    );
  await target.transaction(async () => {
    // Users of a target that is a source as well must not write into it meanwhile.
    await target.query(`lock table ${quoteTable(table)} in share row exclusive mode`);
    if (!(await isEmpty(target, table))) throw notEmpty(target, table);
    await source.transaction(async () => {
      await source.query(`set transaction snapshot ${quoteLiteral(snapshot.name)}`);
      await expectNotRewritten(source, table);
      const positions = await readPositions(options);
      await streamRows(described, await generatedColumns(target, table), options);
      if (options.contenders.length > 0) {
        await copyMemory(table, source, target);
        await copyVersions(described, options);
      }
      await recordCopied(table, positions, options);
    }, 'begin isolation level repeatable read read only');
  });
}

/**
 * ALTER TABLE that writes a table anew, and TRUNCATE, leave nothing of it to older snapshots:
 * https://www.postgresql.org/docs/current/mvcc-caveats.html. The catalog's file is the snapshot's, the function's is
 * that of now. Throws SERVER_BUSY: another snapshot shows all.
 */
async function expectNotRewritten(source: Session, table: TableName): Promise<void> {
  const name = quoteTable(table);
  await source.query(`lock table ${name} in access share mode`);
  const rewritten = await source.query(
    `select from pg_catalog.pg_class c
     where (c.oid = $1::regclass or c.oid in (select relid from pg_catalog.pg_partition_tree($1::regclass)))
       and nullif(c.relfilenode, 0) is distinct from pg_catalog.pg_relation_filenode(c.oid)`,
    [name],
  );
  if (rewritten.length === 0) return;
  throw new ReplicatorError(
    'SERVER_BUSY',
    `${source.database.name}: ${tableLabel(table)} was written anew since the snapshot of its copy`,
  );
}

/** Of the target: it fills them itself. */
async function generatedColumns(target: Session, table: TableName): Promise<ReadonlySet<string>> {
  const [there] = await describeTables(target, [table]);
  const generated = there?.columns.filter((column) => column.generated) ?? [];
  return new Set(generated.map(({ name }) => name));
}

/**
 * From where on each feed's changes count. What the snapshot holds of another source is what was
 * applied to the copied database by then: its progress there, read in that same snapshot. What that has not yet read
 * of its own changes, it has not yet settled with what it met: these count once more on the target, where the versions
 * that were copied say what is left of them. Throws SERVER_BUSY when the target has passed by more, which would not be
 * sent again, or when it is on another timeline, where positions say something else.
 */
async function readPositions(options: CopyOptions): Promise<ReadonlyMap<string, Position>> {
  const { source, target, snapshot, feeds, contenders } = options;
  const { name: copied } = source.database;
  const others = feeds.map((feed) => feed.source).filter((name) => name !== copied);
  const { timeline } = await serverFacts(source);
  const positions = new Map<string, Position>([
    [copied, { lsn: snapshot.consistentLsn, timeline }],
  ]);
  const met = contenders.length > 0 ? [...others, copied] : others;
  const passed = await readProgress(target, met);
  for (const [name, { lsn, timeline: known }] of await readProgress(source, met)) {
    if (name === copied && lsn >= snapshot.consistentLsn) continue;
    if (lsn < (passed.get(name)?.lsn ?? zeroLsn)) throw hasLess(source, target, name);
    // Its own ones were on its disk, so they are on the timeline that it came to as well.
    positions.set(name, { lsn, timeline: name === copied ? timeline : known });
  }
  await expectSameTimelines(positions, options);
  return positions;
}

interface Position {
  readonly lsn: Lsn;
  /** Of the source; undefined where it is not known. */
  readonly timeline: bigint | undefined;
}

/** By source: what is applied here. */
export async function readProgress(
  session: Session,
  sources: readonly string[],
): Promise<ReadonlyMap<string, Position>> {
  const rows = await session.query<{ source: string; lsn: string; timeline: string | null }>(
    `select source, lsn::text as lsn, timeline::text as timeline
     from replicator.progress where source = any ($1)`,
    [sources],
  );
  return new Map(
    rows.map(({ source, lsn, timeline }) => [
      source,
      { lsn: parseLsn(lsn), timeline: timeline === null ? undefined : BigInt(timeline) },
    ]),
  );
}

/** The copied database and the target have followed each source equally far through its promotions. */
async function expectSameTimelines(
  positions: ReadonlyMap<string, Position>,
  { source, target }: CopyOptions,
): Promise<void> {
  const there = await readProgress(target, [...positions.keys()]);
  for (const [name, { timeline }] of positions) {
    const other = there.get(name)?.timeline;
    if (timeline === undefined || other === undefined || timeline === other) continue;
    const { name: from } = source.database;
    const { name: to } = target.database;
    throw new ReplicatorError(
      'SERVER_BUSY',
      `${from}:${to}: ${from} is on timeline ${timeline} of ${name}, and ${to} on ${other}`,
      {
        hint: `goes on by itself once both are on the same; are ${name}:${from} and ${name}:${to} at work?`,
      },
    );
  }
}

function hasLess({ database: from }: Session, { database: to }: Session, other: string): Error {
  return new ReplicatorError(
    'SERVER_BUSY',
    `${from.name}:${to.name}: ${from.name} has less of ${other} than ${to.name}, and is copied once it has as much`,
    { hint: `goes on by itself; is ${other}:${from.name} at work?` },
  );
}

async function recordCopied(
  table: TableName,
  positions: ReadonlyMap<string, Position>,
  options: CopyOptions,
): Promise<void> {
  const { source, target, snapshot, feeds, reached } = options;
  for (const feed of feeds) {
    const copiedAt = positions.get(feed.source)?.lsn;
    if (copiedAt === undefined) continue;
    const isCopied = feed.source === source.database.name;
    const least = isCopied ? snapshot.consistentLsn : copiedAt;
    const reachedLsn = maxLsn(least, reached.get(feed.source) ?? zeroLsn);
    await target.query(
      `insert into replicator.tables
         (source, table_schema, table_name, sync, copied_at, copied, reached_lsn)
       values ($1, $2, $3, $4, $5, true, $6) ${unlessJoined}`,
      [feed.source, table.schema, table.name, feed.sync, ...[copiedAt, reachedLsn].map(formatLsn)],
    );
  }
  // Rows may take hours. Who claims another timeline now waits for these records, and judges by them.
  await expectSameTimelines(positions, options);
}

/** Rows of tables that inherit from it are not its own; those of partitions are. */
export async function isEmpty(session: Session, table: TableName): Promise<boolean> {
  const name = quoteTable(table);
  const { empty } = await session.one(
    `select (not exists (select from only ${name}) and not exists (
       select from ${name} where exists (
         select from pg_catalog.pg_partitioned_table
         where partrelid = ${quoteLiteral(name)}::regclass)))::text as empty`,
  );
  return empty === 'true';
}

/** Whether the table's rows came by a copy of ours, from whichever database. */
export async function wasCopied(session: Session, table: TableName): Promise<boolean> {
  return (await joinedFrom(session, table)).some(({ copied }) => copied === 'true');
}

/** Whether a database brings its changes of the table here. */
export async function hasJoined(session: Session, table: TableName): Promise<boolean> {
  return (await joinedFrom(session, table)).length > 0;
}

async function joinedFrom(session: Session, table: TableName): Promise<{ copied: string }[]> {
  // Another source may not have been set up yet.
  if (!(await schemaExists(session))) return [];
  return await session.query<{ copied: string }>(
    `select copied::text as copied from replicator.tables
     where not lost and table_schema = $1 and table_name = $2`,
    [table.schema, table.name],
  );
}

export function notEmpty(target: Session, ...tables: TableName[]): ReplicatorError {
  const names = tables.map(tableLabel).join(', ');
  return new ReplicatorError(
    'COPY_REFUSED',
    `${target.database.name}: not empty, so the initial copy is refused: ${names}`,
    { hint: 'empty them there, or set initial_copy: if_empty or none' },
  );
}

async function streamRows(
  table: CatalogTable,
  generatedThere: ReadonlySet<string>,
  options: CopyOptions,
): Promise<void> {
  const { source, target, onProgress } = options;
  const columns = table.columns
    .filter(({ name, generated }) => !generated && !generatedThere.has(name))
    .map(({ name }) => quoteIdentifier(name))
    .join(', ');
  if (columns === '') return await repeatRows(table, options);
  const only = table.partitioned ? '' : 'only ';
  const label = tableLabel(table);
  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      onProgress({ table: label, bytes, done: false });
      done(null, chunk);
    },
  });
  const reading = source.client.query(
    copyTo(`copy (select ${columns} from ${only}${quoteTable(table)}) to stdout`),
  );
  const writing = target.client.query(
    copyFrom(`copy ${quoteTable(table)} (${columns}) from stdin`),
  );
  // A connection that is lost once the pipeline has failed must not end the process.
  for (const stream of [reading, writing]) stream.on('error', () => {});
  try {
    await pipeline(reading, meter, writing);
  } catch (error) {
    throw fromPostgres(error, `copy of ${label} to ${target.database.name}`);
  }
  onProgress({ table: label, bytes, done: true });
}

/** Of rows without a column to carry there is nothing but their number, and COPY has no form for them. */
async function repeatRows(table: CatalogTable, { source, target }: CopyOptions): Promise<void> {
  const only = table.partitioned ? '' : 'only ';
  const { rows } = await source.one(`select count(*) as rows from ${only}${quoteTable(table)}`);
  await target.query(
    `insert into ${quoteTable(table)} select from generate_series(1, $1::bigint)`,
    [rows],
  );
}
