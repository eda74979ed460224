// How each table that is new to a subscription joins it: the rule of `initial_copy`, in one place.
import type { Config, SubscriptionConfig } from '../config/config.ts';
import type { TableOptions } from '../config/merge-syncs.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import type { Session } from '../postgres/session.ts';
import { isEmpty, notEmpty, wasCopied } from './copy-table.ts';
import type { LostTables } from './follow-tables.ts';
import { letEarlierCopy, letOthersCopy, refuseOtherWriters } from './other-writers.ts';

/**
 * `copy`: rows are copied. `copied`: another copy of ours brought them. `as it is`: both sides are taken for equal.
 * `empty`: there is nothing to copy, which must still be so when it joins. `wait`: it holds rows and nothing says to
 * copy them.
 */
export type Verdict = 'copy' | 'copied' | 'as it is' | 'empty' | 'wait';

export interface JoinParties {
  readonly config: Config;
  readonly subscription: SubscriptionConfig;
  readonly source: Session;
  readonly target: Session;
}

/** Throws COPY_REFUSED, naming every table of the target that would have to be empty. */
export async function decideJoins(
  fresh: readonly TableOptions[],
  syncsBefore: ReadonlySet<string>,
  lost: LostTables,
  parties: JoinParties,
): Promise<ReadonlyMap<TableOptions, Verdict>> {
  const verdicts = new Map<TableOptions, Verdict>();
  const refused: TableName[] = [];
  for (const found of fresh) {
    const isLost = lost.has(tableLabel(found.table));
    // With `none` the user answers for the tables that a new sync names, not for later ones.
    const newSync = !isLost && found.syncs.every((sync) => !syncsBefore.has(sync));
    if (isLost && !(await isEmpty(parties.target, found.table))) {
      // What it holds misses changes; only a copy into an empty table brings them back.
      verdicts.set(found, 'wait');
      continue;
    }
    const verdict = lost.get(tableLabel(found.table))
      ? await decideResync(found.table, parties)
      : found.initialCopy === 'none'
        ? await decideWithoutCopy(found.table, newSync, parties)
        : await decideCopy(found, parties);
    if (verdict === 'refuse') refused.push(found.table);
    else verdicts.set(found, verdict);
  }
  if (refused.length > 0) throw notEmpty(parties.target, ...refused);
  return verdicts;
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
  return (await isEmpty(target, table)) && (await isEmpty(source, table)) ? 'empty' : 'wait';
}

async function decideCopy(
  { table, initialCopy }: TableOptions,
  { config, subscription, source, target }: JoinParties,
): Promise<Verdict | 'refuse'> {
  const sourceEmpty = await isEmpty(source, table);
  if (await isEmpty(target, table)) {
    const sourceCopied = await wasCopied(source, table);
    // The source has no rows of its own: whoever has them fills the target first.
    if (sourceEmpty || sourceCopied) await letOthersCopy(config, subscription, table);
    if (sourceEmpty) return 'empty';
    // Where nobody has any more, one of those fills it that were filled themselves.
    await letEarlierCopy(config, subscription, table, { ofCopies: sourceCopied });
    await refuseOtherWriters(config, subscription, table, { from: source, to: target });
    return 'copy';
  }
  const bothWays = config.subscriptions.some(
    (other) => other.source === subscription.target && other.target === subscription.source,
  );
  if (bothWays && sourceEmpty) return 'empty';
  // What is there came from a database that feeds the source too.
  if ((bothWays || (await wasCopied(target, table))) && (await wasCopied(source, table)))
    return 'copied';
  return initialCopy === 'once' ? 'refuse' : 'as it is';
}
