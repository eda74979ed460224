// A table that several databases write to is copied from one of them. The rows that the others
// wrote come along; from where on their own streams count is told by the copied database.
import type { Config, SubscriptionConfig } from '../config/config.ts';
import { matchTables } from '../config/match-tables.ts';
import { ReplicatorError } from '../model/errors.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { Deadline } from '../observability/deadline.ts';
import { waitForTargets } from '../observability/wait-for-targets.ts';
import { Session } from '../postgres/session.ts';
import { readProgress } from './copy-positions.ts';
import { isEmpty, wasCopied } from './rows-there.ts';

/**
 * Throws COPY_REFUSED when another source of the target holds rows of the table and either does
 * not feed the copied database, or has been applied to the target before the copy.
 */
export async function refuseOtherWriters(
  config: Config,
  subscription: SubscriptionConfig,
  table: TableName,
  { from, to }: { readonly from: Session; readonly to: Session },
): Promise<void> {
  const { source, target } = subscription;
  for (const other of await filledSources(config, subscription, table)) {
    const [applied] = await from.query('select from replicator.progress where source = $1', [
      other.name,
    ]);
    const [joined] = await to.query(
      `select from replicator.tables where source = $1 and table_schema = $2 and table_name = $3
         and not lost`,
      [other.name, table.schema, table.name],
    );
    if (applied !== undefined && joined === undefined) continue;
    throw new ReplicatorError(
      'COPY_REFUSED',
      `${source}:${target}: ${tableLabel(table)} has rows on ${other.name} too, which also writes to ${target}`,
      { hint: 'fill the target from a dump and use initial_copy: none' },
    );
  }
}

/**
 * Throws SERVER_BUSY while another source has yet to copy the table into the empty target: what we
 * would write there until then would make it a table that is not empty, and the copy be refused.
 */
export async function letOthersCopy(
  config: Config,
  subscription: SubscriptionConfig,
  table: TableName,
): Promise<void> {
  const owner = (await filledSources(config, subscription, table)).find(({ fills }) => fills);
  if (owner !== undefined) throw waitFor(subscription, table, owner.name);
}

/** Of several masters with rows of their own, or else of those with copies, the first in the file fills the target. */
export async function letEarlierCopy(
  config: Config,
  subscription: SubscriptionConfig,
  table: TableName,
  { ofCopies }: { readonly ofCopies: boolean },
): Promise<void> {
  const order = [...config.databases.keys()];
  const earlier = (await filledSources(config, subscription, table)).find(
    ({ name, fills }) =>
      (fills || ofCopies) &&
      order.indexOf(name) < order.indexOf(subscription.source) &&
      config.subscriptions.some((s) => s.source === subscription.source && s.target === name),
  );
  if (earlier !== undefined) throw waitFor(subscription, table, earlier.name);
}

const catchUpMs = 10_000;

/**
 * What the target has passed by of the other sources will not be sent again, so the copied database must have as much of
 * them. What it only passed by itself it has not stored yet, but does at a mark. Throws TIMEOUT where it is behind,
 * SERVER_BUSY while one of them has no place on the target yet.
 */
export async function untilNotBehind(
  config: Config,
  others: readonly string[],
  { from, to }: { readonly from: Session; readonly to: Session },
): Promise<void> {
  const has = await readProgress(from, others);
  const passed = await readProgress(to, others);
  for (const [name, { lsn }] of has) {
    const reached = passed.get(name)?.lsn;
    // It would begin where the other's slot is by then, which may be behind what is copied.
    if (reached === undefined) throw notSetUpYet(from, to, name);
    const database = config.databases.get(name);
    if (database === undefined || lsn >= reached) continue;
    const pair = { source: name, target: from.database.name, syncs: [] };
    await using other = await Session.connect(database, {
      purpose: 'copy',
      name: `${from.database.name}:${to.database.name}`,
    });
    const sessions = new Map([
      [pair.source, other],
      [pair.target, from],
    ]);
    await waitForTargets({ subscriptions: [pair] }, sessions, new Deadline(catchUpMs));
  }
}

function notSetUpYet({ database: from }: Session, { database: to }: Session, other: string): Error {
  return new ReplicatorError(
    'SERVER_BUSY',
    `${from.name}:${to.name}: waits until ${other}:${to.name} is set up`,
    { hint: `goes on by itself; whoever replicates ${other} sets it up` },
  );
}

function waitFor(
  { source, target }: SubscriptionConfig,
  table: TableName,
  from: string,
): ReplicatorError {
  return new ReplicatorError(
    'SERVER_BUSY',
    `${source}:${target}: waits until ${tableLabel(table)} is copied from ${from} to ${target}`,
    { hint: 'goes on by itself after that copy' },
  );
}

interface FilledSource {
  readonly name: string;
  /** The rows are its own, not a copy of ours, and its sync copies them to the target. */
  readonly fills: boolean;
}

/** The other sources of the same target that have rows of the table. */
async function filledSources(
  config: Config,
  { source, target }: SubscriptionConfig,
  table: TableName,
): Promise<FilledSource[]> {
  const filled: FilledSource[] = [];
  for (const other of config.subscriptions) {
    if (other.target !== target || other.source === source) continue;
    const sync = other.syncs.find(({ relgroup }) => matchTables(relgroup, [table]).length > 0);
    const database = config.databases.get(other.source);
    if (sync === undefined || database === undefined) continue;
    await using session = await Session.connect(database, {
      purpose: 'copy',
      name: `${source}:${target}`,
    });
    if (await isEmpty(session, table)) continue;
    const fills = sync.initialCopy !== 'none' && !(await wasCopied(session, table));
    filled.push({ name: other.source, fills });
  }
  return filled;
}
