// Brings the tables of a subscription into it, each by the rule of its `initial_copy`. A table that
// has joined once is remembered on the target with the position from which its changes count.
import { mergeSyncs, type TableOptions } from '../config/merge-syncs.ts';
import { hasSeveralWriters } from '../config/writers.ts';
import type { Lsn } from '../model/lsn.ts';
import { tableLabel } from '../model/relation.ts';
import { listTables } from '../postgres/catalog.ts';
import { subscriptionName } from '../postgres/object-names.ts';
import { type CopyTablesOptions, copyTables } from './copy-tables.ts';
import { decideJoins, type Verdict } from './decide-join.ts';
import { followTables, identifyTables, type TargetOids } from './follow-tables.ts';
import { joinWithoutCopy, publishCopied, type WithoutCopyOptions } from './join-without-copy.ts';
import { forgetLeft, type Joined, readJoined } from './joined-tables.ts';
import { copiedFrom, isPassedBy } from './passed-by.ts';

export interface JoinOptions extends WithoutCopyOptions, CopyTablesOptions {
  readonly onCopy: () => void;
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
  const lost = await followTables(subscriptionName(subscription), { ...options, wanted });
  const joined = await readJoined(target, subscription.source);
  await forgetLeft(target, subscription.source, joined, wanted);
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
    await copyTables(missing, options);
  }
  for (const [found, verdict] of verdicts) tellWait(found, verdict, options);
  for (const found of notEmptyAnyMore) tellWait(found, 'holds rows', options);
  for (const { table, initialCopy } of asTheyAre)
    if (initialCopy !== 'none')
      log.warn(
        { subscription: subscriptionName(subscription), table: tableLabel(table) },
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
  { config, log, subscription }: JoinOptions,
): void {
  const { target } = subscription;
  const facts = { subscription: subscriptionName(subscription), table: tableLabel(table) };
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
