// Brings the tables of a subscription into it, each by the rule of its `initial_copy`. A table that
// has joined once is remembered on the target with the position from which its changes count.
import type { Logger } from 'pino';
import type { Config, SubscriptionConfig } from '../config/config.ts';
import { mergeSyncs, type TableOptions } from '../config/merge-syncs.ts';
import { formatLsn, type Lsn, parseLsn } from '../model/lsn.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { listTables } from '../postgres/catalog.ts';
import { publicationName } from '../postgres/object-names.ts';
import { publishedTables } from '../postgres/publication.ts';
import type { Session } from '../postgres/session.ts';
import { addToPublication } from './add-to-publication.ts';
import { type CopyProgress, copyTable, isEmpty, notEmpty, wasCopied } from './copy-table.ts';
import { exportSnapshot } from './exported-snapshot.ts';
import { letOthersCopy, refuseOtherWriters } from './other-writers.ts';

export interface JoinOptions {
  readonly config: Config;
  readonly subscription: SubscriptionConfig;
  readonly source: Session;
  readonly target: Session;
  /** Where the subscription stands; the slot holds everything after it. */
  readonly progress: Lsn;
  readonly onCopy: () => void;
  readonly onProgress: (progress: CopyProgress) => void;
  readonly log: Logger;
}

export interface JoinResult {
  /** By table label. */
  readonly tables: Map<string, { copiedAt: Lsn; truncate: TableOptions['truncate'] }>;
  /** Joined just now as they were: whether both sides are equal is not known. */
  readonly uncompared: readonly TableName[];
  /** Match a relgroup but did not join, as they hold rows and nothing says to copy them. */
  readonly waiting: readonly TableName[];
}

/** Throws COPY_REFUSED before anything is copied when a table may not be. */
export async function joinTables(options: JoinOptions): Promise<JoinResult> {
  const { subscription, source, target, log } = options;
  const wanted = mergeSyncs(subscription, await listTables(source));
  const joined = await readJoined(target, subscription.source);
  await forgetLeft(options, joined, wanted);
  const fresh = [...wanted.values()].filter(({ table }) => !joined.has(tableLabel(table)));
  const decided = await decide(fresh, joined.size === 0, options);
  const uncompared: TableName[] = [];
  const waiting = decided.waiting.map(({ table }) => table);
  for (const found of decided.asTheyAre) {
    const from = await joinAsItIs(found, joined.size === 0, options);
    (from === undefined ? waiting : uncompared).push(found.table);
  }
  if (decided.copy.length > 0) {
    options.onCopy();
    await copyAll(decided.copy, options);
  }
  for (const table of waiting)
    log.warn(
      { subscription: nameOf(options), table: tableLabel(table) },
      'table matches but holds rows and initial_copy is none: it is not replicated',
    );
  const tables = new Map<string, { copiedAt: Lsn; truncate: TableOptions['truncate'] }>();
  for (const [label, copiedAt] of await readJoined(target, subscription.source)) {
    const found = wanted.get(label);
    if (found !== undefined) tables.set(label, { copiedAt, truncate: found.truncate });
  }
  return { tables, uncompared, waiting };
}

interface Decision {
  readonly copy: readonly TableOptions[];
  readonly asTheyAre: readonly TableOptions[];
  readonly waiting: readonly TableOptions[];
}

async function decide(
  fresh: readonly TableOptions[],
  first: boolean,
  options: JoinOptions,
): Promise<Decision> {
  const copy: TableOptions[] = [];
  const asTheyAre: TableOptions[] = [];
  const waiting: TableOptions[] = [];
  const refused: TableName[] = [];
  for (const found of fresh) {
    const verdict = await decideOne(found, first, options);
    if (verdict === 'refuse') refused.push(found.table);
    else ({ copy, 'as they are': asTheyAre, wait: waiting })[verdict].push(found);
  }
  if (refused.length > 0) throw notEmpty(options.target, ...refused);
  return { copy, asTheyAre, waiting };
}

async function decideOne(
  { table, initialCopy }: TableOptions,
  first: boolean,
  { config, subscription, source, target, log }: JoinOptions,
): Promise<'copy' | 'as they are' | 'wait' | 'refuse'> {
  const targetEmpty = await isEmpty(target, table);
  if (initialCopy === 'none') {
    if (first) return 'as they are';
    return targetEmpty && (await isEmpty(source, table)) ? 'as they are' : 'wait';
  }
  // The other direction of two masters: what is here came from there, or nothing is here yet.
  const bothWays = config.subscriptions.some(
    (other) => other.source === subscription.target && other.target === subscription.source,
  );
  if (bothWays && ((await isEmpty(source, table)) || (await wasCopied(source, table)))) {
    if (targetEmpty) await letOthersCopy(config, subscription, table);
    return 'as they are';
  }
  if (!targetEmpty && initialCopy === 'once') return 'refuse';
  if (!targetEmpty) {
    log.warn(
      { subscription: `${subscription.source}:${subscription.target}`, table: tableLabel(table) },
      'table is not empty on the target: joined without a copy',
    );
    return 'as they are';
  }
  await refuseOtherWriters(config, subscription, table);
  return 'copy';
}

/**
 * Joins a table without a copy. The subscription's first tables count from its progress on, since
 * the slot has held their changes from the start. Undefined: it holds rows and may not join so.
 */
async function joinAsItIs(
  { table, initialCopy }: TableOptions,
  first: boolean,
  options: JoinOptions,
): Promise<Lsn | undefined> {
  const { source, target, progress, subscription } = options;
  const published = await publishedTables(source, publicationName(source.database.name));
  const heldFromTheStart =
    first && published.some((other) => tableLabel(other) === tableLabel(table));
  const from = heldFromTheStart
    ? progress
    : await addToPublication(source, table, { onlyIfEmpty: initialCopy === 'none' && !first });
  if (from !== undefined)
    await target.query(
      `insert into replicator.tables (source, table_schema, table_name, copied_at, copied)
       values ($1, $2, $3, $4, false)`,
      [subscription.source, table.schema, table.name, formatLsn(from)],
    );
  return from;
}

async function copyAll(tables: readonly TableOptions[], options: JoinOptions): Promise<void> {
  const { source, target, log, onProgress, subscription } = options;
  // Published before the snapshot: what is written after it is in the stream.
  for (const { table } of tables) await addToPublication(source, table, 'without a lock');
  // Slots are shared by the cluster, so the name says whose it is.
  const slot = `replicator_copy_${subscription.source}__${subscription.target}`;
  await using snapshot = await exportSnapshot(source.database, slot);
  for (const { table } of tables) {
    await copyTable(table, { source, target, snapshot, onProgress });
    log.info(
      {
        subscription: nameOf(options),
        table: tableLabel(table),
        lsn: formatLsn(snapshot.consistentLsn),
      },
      'table copied',
    );
  }
}

async function readJoined(target: Session, source: string): Promise<Map<string, Lsn>> {
  const rows = await target.query<{ schema: string; name: string; copied_at: string }>(
    `select table_schema as schema, table_name as name, copied_at::text
     from replicator.tables where source = $1`,
    [source],
  );
  return new Map(rows.map((row) => [tableLabel(row), parseLsn(row.copied_at)]));
}

/** A table that left the file must join anew if it returns: its changes are lost meanwhile. */
async function forgetLeft(
  { target, subscription }: JoinOptions,
  joined: Map<string, Lsn>,
  wanted: ReadonlyMap<string, TableOptions>,
): Promise<void> {
  const rows = await target.query<{ schema: string; name: string }>(
    'select table_schema as schema, table_name as name from replicator.tables where source = $1',
    [subscription.source],
  );
  for (const row of rows) {
    const label = tableLabel(row);
    if (wanted.has(label)) continue;
    await target.query(
      'delete from replicator.tables where source = $1 and table_schema = $2 and table_name = $3',
      [subscription.source, row.schema, row.name],
    );
    joined.delete(label);
  }
}

function nameOf({ subscription }: JoinOptions): string {
  return `${subscription.source}:${subscription.target}`;
}
