// The rows of one table, from a snapshot of the source into the target, and the record that they
// are there: one transaction, so that a crash leaves the table whole or untouched.
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { ReplicatorError } from '../model/errors.ts';
import { formatLsn, type Lsn, maxLsn, zeroLsn } from '../model/lsn.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { type CatalogTable, describeTables } from '../postgres/catalog.ts';
import { endOfWal } from '../postgres/end-of-wal.ts';
import { ownRows, quoteIdentifier, quoteLiteral, quoteTable } from '../postgres/identifiers.ts';
import type { Session } from '../postgres/session.ts';
import { fromPostgres } from '../postgres/sqlstate.ts';
import { copyMemory, forgetOwnMemory } from './copy-memory.ts';
import {
  type CopyParties,
  expectSameTimelines,
  type Position,
  readPositions,
} from './copy-positions.ts';
import { copyVersions } from './copy-versions.ts';
import { isEmpty, notEmpty } from './rows-there.ts';

export interface CopyProgress {
  readonly table: string;
  readonly bytes: number;
  readonly done: boolean;
}

/** In an INSERT of a table's record; one that is lost makes way. */
export const unlessJoined = `on conflict (source, table_schema, table_name) do update
  set sync = excluded.sync, copied_at = excluded.copied_at, copied = excluded.copied,
      reached_lsn = excluded.reached_lsn, filled_lsn = excluded.filled_lsn, joined_at = now(), source_oid = null, membership = null,
      target_oid = null, lost = false, resync = false
  where tables.lost`;

export interface CopyOptions extends CopyParties {
  /** How much of each source the copied database had when the snapshot, and what was remembered, was taken. */
  readonly reached: ReadonlyMap<string, Lsn>;
  /** Until the target has read what its users did to the table. Throws SERVER_BUSY where that takes long. */
  readonly untilTargetRemembers: () => Promise<void>;
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
    const filledLsn = await endOfWal(target);
    if (options.contenders.includes(target.database.name)) {
      await options.untilTargetRemembers();
      await forgetOwnMemory(table, target);
    }
    await source.transaction(async () => {
      await source.query(`set transaction snapshot ${quoteLiteral(snapshot.name)}`);
      await expectNotRewritten(source, table);
      const positions = await readPositions(table, options);
      await streamRows(described, await generatedColumns(target, table), options);
      if (options.contenders.length > 0) {
        await copyMemory(table, source, target);
        await copyVersions(described, options);
      }
      await recordCopied(table, { positions, filledLsn }, options);
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

async function recordCopied(
  table: TableName,
  { positions, filledLsn }: { positions: ReadonlyMap<string, Position>; filledLsn: Lsn },
  options: CopyOptions,
): Promise<void> {
  const { source, target, snapshot, feeds, reached } = options;
  for (const feed of feeds) {
    const copiedAt = positions.get(feed.source)?.lsn;
    if (copiedAt === undefined) continue;
    const isCopied = feed.source === source.database.name;
    const least = isCopied ? snapshot.consistentLsn : copiedAt;
    const reachedLsn = maxLsn(least, reached.get(feed.source) ?? zeroLsn);
    const recorded = await target.query(
      `insert into replicator.tables
         (source, table_schema, table_name, sync, copied_at, copied, reached_lsn, filled_lsn)
       values ($1, $2, $3, $4, $5, true, $6, $7) ${unlessJoined} returning 1`,
      [
        ...[feed.source, table.schema, table.name, feed.sync],
        ...[copiedAt, reachedLsn, filledLsn].map(formatLsn),
      ],
    );
    // Of no rows another source's copy can come between: that one says from where on changes count.
    if (isCopied && recorded.length === 0)
      throw new ReplicatorError(
        'SERVER_BUSY',
        `${source.database.name}:${target.database.name}: ${tableLabel(table)} was copied from another source meanwhile`,
      );
  }
  // Rows may take hours. Who claims another timeline now waits for these records, and judges by them.
  await expectSameTimelines(positions, options);
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
  const from = ownRows(quoteTable(table), table.partitioned);
  const label = tableLabel(table);
  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      onProgress({ table: label, bytes, done: false });
      done(null, chunk);
    },
  });
  const reading = source.client.query(copyTo(`copy (select ${columns} from ${from}) to stdout`));
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
  const from = ownRows(quoteTable(table), table.partitioned);
  const { rows } = await source.one(`select count(*) as rows from ${from}`);
  await target.query(
    `insert into ${quoteTable(table)} select from generate_series(1, $1::bigint)`,
    [rows],
  );
}
