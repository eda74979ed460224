// How each table that is new to a subscription joins it: the rule of `initial_copy`, in one place.
import type { Config, SubscriptionConfig } from '../config/config.ts';
import type { TableOptions } from '../config/merge-syncs.ts';
import { areRowsExplained, cameByCopies, isBothWays } from '../config/rows-explained.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { quoteTable } from '../postgres/identifiers.ts';
import { publicationName } from '../postgres/object-names.ts';
import type { Session } from '../postgres/session.ts';
import type { LostTables } from './follow-tables.ts';
import { letEarlierCopy, letOthersCopy, refuseOtherWriters } from './other-writers.ts';
import { hasJoined, isEmpty, notEmpty, wasCopied } from './rows-there.ts';

/**
 * `copy`: rows are copied. `copied`: another copy of ours brought them. `as it is`: both sides are taken for equal.
 * `empty`: there is nothing to copy, which must still be so when it joins.
 */
export type Verdict = 'copy' | 'copied' | 'as it is' | 'empty' | Wait;

/**
 * It does not join. `taken`: what has its name on the target is another one's. `misses changes`: nothing says to copy
 * it, or it cannot be copied. `holds rows`: nothing says to copy them.
 */
export type Wait = 'taken' | 'misses changes' | 'holds rows';

export interface JoinParties {
  readonly config: Config;
  readonly subscription: SubscriptionConfig;
  readonly source: Session;
  readonly target: Session;
}

/** What is known of a subscription before its new tables join. */
export interface JoinedBefore {
  readonly syncs: ReadonlySet<string>;
  readonly lost: LostTables;
  /** Of what comes after its progress the slot has let go. */
  readonly passedBy: boolean;
}

/** Throws COPY_REFUSED, naming every table of the target that would have to be empty. */
export async function decideJoins(
  fresh: readonly TableOptions[],
  before: JoinedBefore,
  parties: JoinParties,
): Promise<ReadonlyMap<TableOptions, Verdict>> {
  const { syncs, lost } = before;
  const verdicts = new Map<TableOptions, Verdict>();
  const refused: TableName[] = [];
  for (const found of fresh) {
    if (await isTaken(found.table, parties)) {
      verdicts.set(found, 'taken');
      continue;
    }
    const isLost = lost.has(tableLabel(found.table));
    // With `none` the user answers for the tables that a new sync names, not for later ones.
    const newSync = !isLost && found.syncs.every((sync) => !syncs.has(sync));
    if (isLost && !(await isEmpty(parties.target, found.table))) {
      // What it holds misses changes; only a copy into an empty table brings them back.
      verdicts.set(found, 'misses changes');
      continue;
    }
    const verdict = lost.get(tableLabel(found.table))
      ? await decideResync(found.table, parties)
      : found.initialCopy === 'none'
        ? await decideWithoutCopy(found.table, newSync, parties)
        : await decideCopy(found, before, parties);
    if (verdict === 'refuse') refused.push(found.table);
    else verdicts.set(found, isLost && verdict === 'holds rows' ? 'misses changes' : verdict);
  }
  if (refused.length > 0) throw notEmpty(parties.target, ...refused);
  return verdicts;
}

/**
 * Tables are followed by their oids, so a name can be given to another one on the source first: until the target's
 * table has its new name as well, it is still that of the former one.
 */
async function isTaken(table: TableName, { source, target }: JoinParties): Promise<boolean> {
  const rows = await target.query(
    `select from replicator.tables
     where source = $1 and target_oid = pg_catalog.to_regclass($2) and (table_schema, table_name) <> ($3, $4)`,
    [source.database.name, quoteTable(table), table.schema, table.name],
  );
  return rows.length > 0;
}

/** A person wants the source's rows, whoever brought them there. */
async function decideResync(
  table: TableName,
  { config, subscription, source, target }: JoinParties,
): Promise<Verdict> {
  if (await isEmpty(source, table)) return 'empty';
  await refuseOtherWriters(config, subscription, table, { from: source, to: target });
  return 'copy';
}

async function decideWithoutCopy(
  table: TableName,
  newSync: boolean,
  { source, target }: JoinParties,
): Promise<Verdict> {
  if (newSync) return 'as it is';
  return (await isEmpty(target, table)) && (await isEmpty(source, table)) ? 'empty' : 'holds rows';
}

async function decideCopy(
  { table, initialCopy }: TableOptions,
  { passedBy }: JoinedBefore,
  { config, subscription, source, target }: JoinParties,
): Promise<Verdict | 'refuse'> {
  const sourceEmpty = await isEmpty(source, table);
  if (await isEmpty(target, table)) {
    const sourceCopied = await wasCopied(source, table);
    // The source has no rows of its own: whoever has them fills the target first.
    if (sourceEmpty || sourceCopied) await letOthersCopy(config, subscription, table);
    // As empty it would count from the progress on; a copy begins where the slot still holds everything.
    if (sourceEmpty && !passedBy) return 'empty';
    // Where nobody has any more, one of those fills it that were filled themselves.
    await letEarlierCopy(config, subscription, table, { ofCopies: sourceCopied });
    await refuseOtherWriters(config, subscription, table, { from: source, to: target });
    return 'copy';
  }
  const filled = {
    bothWays: isBothWays(config, subscription),
    sourceEmpty,
    sourceJoined: await hasJoined(source, table),
    sourceCopied: await wasCopied(source, table),
    targetCopied: await wasCopied(target, table),
  };
  // What users of the source did to rows that came to it.
  const allSent = await isAllSent(table, { source, target });
  if (filled.bothWays && sourceEmpty && (allSent || !filled.sourceJoined)) return 'empty';
  if (allSent && cameByCopies(filled)) return 'copied';
  return initialCopy !== 'once' || areRowsExplained(filled) ? 'as it is' : 'refuse';
}

/**
 * It is published since there has been a publication, which is older than the slot, and nothing was passed by of the
 * slot: tables can join one by one also where none has joined before.
 */
async function isAllSent(
  table: TableName,
  { source, target }: Pick<JoinParties, 'source' | 'target'>,
): Promise<boolean> {
  const begun = await target.query(
    'select from replicator.progress where source = $1 and applied_at is not null',
    [source.database.name],
  );
  if (begun.length > 0) return false;
  // A table that was added later is of another transaction.
  const members = await source.query(
    `select from pg_catalog.pg_publication_rel r join pg_catalog.pg_publication p on p.oid = r.prpubid
     where p.pubname = $1 and r.prrelid = $2::regclass and r.xmin = p.xmin`,
    [publicationName(source.database.name), quoteTable(table)],
  );
  return members.length > 0;
}
