// Brings the tables of a subscription into it, each by the rule of its `initial_copy`. A table that
// has joined once is remembered on the target with the position from which its changes count.
import type { Logger } from 'pino';
import { matchTables } from '../config/match-tables.ts';
import { mergeSyncs, type TableOptions } from '../config/merge-syncs.ts';
import { contendersAt, hasSeveralWriters } from '../config/writers.ts';
import { ReplicatorError } from '../model/errors.ts';
import { formatLsn, type Lsn, maxLsn, parseLsn } from '../model/lsn.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { listTables } from '../postgres/catalog.ts';
import { publicationName } from '../postgres/object-names.ts';
import { publishedTables } from '../postgres/publication.ts';
import { reachedLsns } from '../postgres/reached-lsns.ts';
import type { Session } from '../postgres/session.ts';
import { addToPublication } from './add-to-publication.ts';
import { copyMemory, untilRemembered, untilRememberedSoon } from './copy-memory.ts';
import type { Feed } from './copy-positions.ts';
import { type CopyProgress, copyTable, unlessJoined } from './copy-table.ts';
import { decideJoins, type JoinParties, type Verdict } from './decide-join.ts';
import { exportSnapshot } from './exported-snapshot.ts';
import { followTables, identifyTables, type TargetOids } from './follow-tables.ts';
import { untilNotBehind } from './other-writers.ts';
import { copiedFrom, isPassedBy } from './passed-by.ts';
import { filledSince, hasJoined } from './rows-there.ts';

export interface JoinOptions extends JoinParties {
  /** Where the subscription stands; the slot holds everything after it. */
  readonly progress: Lsn;
  readonly onCopy: () => void;
  /** They are about to join without a copy: whether both sides are equal is not known. */
  readonly onAsTheyAre: (source: Session, tables: readonly TableName[]) => Promise<void>;
  readonly onProgress: (progress: CopyProgress) => void;
  readonly log: Logger;
}

export interface JoinResult {
  /** By table label. */
  readonly tables: Map<string, Omit<Joined, 'sync'> & { truncate: TableOptions['truncate'] }>;
  readonly targetOids: TargetOids;
  /** The slot is past the progress, and has nothing before this that counts for any of the tables. */
  readonly countsFrom: Lsn | undefined;
}

/** Throws COPY_REFUSED before anything is copied when a table may not be. */
export async function joinTables(options: JoinOptions): Promise<JoinResult> {
  const { subscription, source, target, log } = options;
  const wanted = mergeSyncs(subscription, await listTables(source));
  const lost = await followTables(nameOf(options), { ...options, wanted });
  const joined = await readJoined(target, subscription.source);
  await forgetLeft(options, joined, wanted);
  await publishCopied(options, joined, wanted);
  const syncs = new Set([...joined.values()].map(({ sync }) => sync));
  const fresh = [...wanted.values()].filter(({ table }) => !joined.has(tableLabel(table)));
  const passedBy = await isPassedBy(source, target.database.name, options.progress);
  const verdicts = await decideJoins(fresh, { syncs, lost, passedBy }, options);
  const having = (kind: Verdict) => fresh.filter((found) => verdicts.get(found) === kind);
  const asTheyAre = having('as it is');
  const filled = [...having('copied'), ...asTheyAre];
  if (asTheyAre.length > 0)
    await options.onAsTheyAre(
      source,
      asTheyAre.map(({ table }) => table),
    );
  const notEmptyAnyMore = await joinWithoutCopy(filled, having('empty'), options);
  const missing = having('copy');
  if (missing.length > 0) {
    options.onCopy();
    await copyAll(missing, options);
  }
  for (const [found, verdict] of verdicts) tellWait(found, verdict, options);
  for (const found of notEmptyAnyMore) tellWait(found, 'holds rows', options);
  for (const { table, initialCopy } of asTheyAre)
    if (initialCopy !== 'none')
      log.warn(
        { subscription: nameOf(options), table: tableLabel(table) },
        'table is not empty on the target: joined without a copy',
      );
  const targetOids = await identifyTables(options);
  const tables: JoinResult['tables'] = new Map();
  for (const [label, { sync: _, ...joined }] of await readJoined(target, subscription.source)) {
    const found = wanted.get(label);
    if (found !== undefined) tables.set(label, { ...joined, truncate: found.truncate });
  }
  const countsFrom = passedBy ? await copiedFrom(source, target) : undefined;
  return { tables, targetOids, countsFrom };
}

/** In the log alone; `status` names the table. */
function tellWait(
  { table, initialCopy }: TableOptions,
  verdict: Verdict,
  options: JoinOptions,
): void {
  const { config, log, subscription } = options;
  const { target } = subscription;
  const facts = { subscription: nameOf(options), table: tableLabel(table) };
  switch (verdict) {
    case 'taken':
      log.warn(
        { ...facts, hint: 'rename it there as well, create this one, then kill -HUP the `run`' },
        `table is not replicated: what has its name on ${target} follows another table`,
      );
      break;
    case 'misses changes':
      log.warn(
        {
          ...facts,
          // What is deleted there would be deleted everywhere.
          hint: hasSeveralWriters(config, target, table)
            ? 'several databases write to it, so do not empty it: docs/how-to/fill-a-target-anew.md'
            : initialCopy === 'none'
              ? `set initial_copy: if_empty and empty it on ${target}, then kill -HUP the \`run\`: it is copied`
              : `empty it on ${target}, then kill -HUP the \`run\`: it is copied`,
        },
        'table misses changes: it is not replicated',
      );
      break;
    case 'holds rows':
      log.warn(
        facts,
        'table matches but holds rows and initial_copy is none: it is not replicated',
      );
      break;
  }
}

/**
 * A table that is published already counts from the subscription's progress on: the slot has held
 * its changes since. Gives those that were to join as empty and are not any more.
 */
async function joinWithoutCopy(
  filled: readonly TableOptions[],
  empty: readonly TableOptions[],
  options: JoinOptions,
): Promise<TableOptions[]> {
  const { source, target } = options;
  const name = publicationName(source.database.name);
  const published = new Set((await publishedTables(source, name)).map(tableLabel));
  const records: [TableOptions, Lsn][] = [];
  const left: TableOptions[] = [];
  for (const found of [...filled, ...empty]) {
    const from = published.has(tableLabel(found.table))
      ? await publishedFrom(found.table, empty.includes(found), options)
      : await addToPublication(source, found.table, { onlyIfEmpty: empty.includes(found) });
    if (from !== undefined) records.push([found, from]);
    else if (found.initialCopy === 'none') left.push(found);
    else
      throw new ReplicatorError(
        'SERVER_BUSY',
        `${nameOf(options)}: ${tableLabel(found.table)} was written to while it joined`,
      );
  }
  // All or none: after a crash the rest of a sync's tables would not be its first any more.
  await target.transaction(async () => {
    for (const [{ table, syncs }, from] of records) {
      const inserted = await target.query(
        `insert into replicator.tables (source, table_schema, table_name, sync, copied_at, copied)
         values ($1, $2, $3, $4, $5, false) ${unlessJoined} returning 1`,
        [source.database.name, table.schema, table.name, syncs[0], formatLsn(from)],
      );
      // A copy from another source recorded it for us: with the position that goes with its rows.
      if (inserted.length === 0)
        throw new ReplicatorError(
          'SERVER_BUSY',
          `${nameOf(options)}: ${tableLabel(table)} was copied from another source while it joined`,
        );
    }
  });
  return left;
}

/**
 * While nobody has brought anything to an empty table, what its users did before was of rows that were never
 * replicated, and would take those elsewhere that have the same keys. Undefined when it is not empty any more.
 */
async function publishedFrom(
  table: TableName,
  isEmpty: boolean,
  { config, source, progress, subscription }: JoinOptions,
): Promise<Lsn | undefined> {
  const isShared = (name: string) => hasSeveralWriters(config, name, table);
  if (!isShared(subscription.target)) return progress;
  // Locked, as a commit may be in the WAL and not be visible yet.
  if (isEmpty && isShared(subscription.source) && !(await hasJoined(source, table)))
    return await addToPublication(source, table, { onlyIfEmpty: true });
  return maxLsn(progress, await filledSince(source, table));
}

/**
 * A copy of another source brought them before they were published here: nobody was sent what users wrote meanwhile.
 */
async function publishCopied(
  { source, onAsTheyAre }: JoinOptions,
  joined: ReadonlyMap<string, Joined>,
  wanted: ReadonlyMap<string, TableOptions>,
): Promise<void> {
  const name = publicationName(source.database.name);
  const published = new Set((await publishedTables(source, name)).map(tableLabel));
  const isUnsent = (label: string) => {
    const known = joined.get(label);
    return known !== undefined && known.sourceOid === undefined && !published.has(label);
  };
  const unsent = [...wanted].flatMap(([label, { table }]) => (isUnsent(label) ? [table] : []));
  if (unsent.length > 0) await onAsTheyAre(source, unsent);
  for (const table of unsent) await addToPublication(source, table, { onlyIfEmpty: false });
}

async function copyAll(tables: readonly TableOptions[], options: JoinOptions): Promise<void> {
  const { config, source, target, log, onProgress, subscription } = options;
  // Published before the snapshot: what is written after it is in the stream.
  for (const { table } of tables) await addToPublication(source, table, 'without a lock');
  const contested = tables.filter(({ table }) =>
    hasSeveralWriters(config, subscription.target, table),
  );
  await untilNotBehind(config, othersOf(contested, options), { from: source, to: target });
  // Slots are shared by the cluster, so the name says whose it is.
  const slot = `replicator_copy_${subscription.source}__${subscription.target}`;
  await using snapshot = await exportSnapshot(source, slot, (why) =>
    log.warn({ subscription: nameOf(options) }, why),
  );
  await copyOwnMemory(contested, options);
  // Not in the snapshot, which is older than what went along just now.
  const reached = await reachedLsns(source);
  for (const found of tables) {
    const { table } = found;
    const feeds = feedsOf(found, options);
    const contenders = contested.includes(found) ? contendersAt(config, subscription.target) : [];
    await copyTable(table, {
      ...{ source, target, snapshot, feeds, reached, contenders, onProgress },
      untilTargetRemembers: async () => await untilRememberedSoon(target.database),
    });
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

/** Of what the snapshot holds. A snapshot is older than what the source remembers of its own changes in it. */
async function copyOwnMemory(
  tables: readonly TableOptions[],
  { config, source, target }: JoinOptions,
): Promise<void> {
  if (tables.length === 0 || !config.ownStreams.includes(source.database.name)) return;
  await untilRemembered(source);
  for (const { table } of tables) await copyMemory(table, source, target);
}

/** This subscription, and the others that bring the table to the target. */
function feedsOf(found: TableOptions, { config, subscription }: JoinOptions): Feed[] {
  const others = config.subscriptions.flatMap((other) => {
    const sync = other.syncs.find(
      ({ relgroup }) => matchTables(relgroup, [found.table]).length > 0,
    );
    const isOther = other.target === subscription.target && other.source !== subscription.source;
    return isOther && sync !== undefined ? [{ source: other.source, sync: sync.name }] : [];
  });
  return [{ source: subscription.source, sync: found.syncs[0] ?? '' }, ...others];
}

function othersOf(tables: readonly TableOptions[], options: JoinOptions): string[] {
  const sources = tables.flatMap((found) => feedsOf(found, options)).map((feed) => feed.source);
  return [...new Set(sources)].filter((name) => name !== options.subscription.source);
}

interface Joined {
  readonly copiedAt: Lsn;
  readonly sync: string;
  /** Undefined until it is identified. */
  readonly sourceOid?: number | undefined;
  readonly membership?: string | undefined;
}

async function readJoined(target: Session, source: string): Promise<Map<string, Joined>> {
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
async function forgetLeft(
  { target, subscription }: JoinOptions,
  joined: Map<string, Joined>,
  wanted: ReadonlyMap<string, TableOptions>,
): Promise<void> {
  const rows = await target.query<{ schema: string; name: string }>(
    'select table_schema as schema, table_name as name from replicator.tables where source = $1',
    [subscription.source],
  );
  for (const row of rows) {
    const label = tableLabel(row);
    if (wanted.has(label)) continue;
    await forget(target, subscription.source, row);
    joined.delete(label);
  }
}

async function forget(target: Session, source: string, table: TableName): Promise<void> {
  await target.query(
    'delete from replicator.tables where source = $1 and table_schema = $2 and table_name = $3',
    [source, table.schema, table.name],
  );
}

function nameOf({ subscription }: JoinOptions): string {
  return `${subscription.source}:${subscription.target}`;
}
