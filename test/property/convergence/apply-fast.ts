// The same batch as sets: one image per key over the whole of it, and a predicate in the statement
// that looks at the stamps only. It may be more careful than the rule, never less: what it does not
// touch is looked at one by one, with exact versions.
import { compareVersions, type Version } from '../../../src/model/version.ts';
import { applyCarefully, applyOne, type Batch, claim, fill, takenOf, write } from './apply.ts';
import type { Values } from './database.ts';
import { fold, type RowChange, rowOver } from './fold.ts';
import type { Rules } from './rules.ts';

interface Image {
  change: RowChange;
  version: Version;
  /** The greatest delete of the key in the batch. */
  deleted: Version | undefined;
}

interface Taking {
  readonly key: string;
  readonly version: Version;
  readonly unique: Values['unique'];
}

export function applyFast(batch: Batch): void {
  const takings: Taking[] = [];
  const images = imagesOfBatch(batch, takings);
  if (images === undefined || meets(batch, takings)) return applyCarefully(batch);
  const { target, rules } = batch;
  for (const { key, version, unique } of takings) {
    const taken = takenOf(target, unique, rules);
    const { claims } = rules.settle({ key, version }, { action: 'keep', bury: undefined }, taken);
    claim(target, { key, version }, unique, claims);
  }
  for (const image of images.values()) {
    const { change, deleted } = image;
    // Deletes go first, as sets of their own.
    if (deleted !== undefined && change.kind !== 'delete')
      applyImage(batch, { change: { kind: 'delete', key: change.key }, version: deleted, deleted });
    applyImage(batch, image);
  }
}

/** Undefined when the batch is not one for sets. */
function imagesOfBatch(batch: Batch, takings: Taking[]): Map<string, Image> | undefined {
  const images = new Map<string, Image>();
  for (const transaction of batch.transactions) {
    const version = { time: transaction.time, rank: batch.source.rank };
    for (const change of fold(transaction.changes)) {
      if (change.kind === 'truncate') return undefined;
      const before = images.get(change.key);
      // The clock went back between two changes of one row: the rule is asked about each.
      if (before !== undefined && compareVersions(before.version, version) > 0) return undefined;
      images.set(change.key, over(before, change, version, batch.rules));
      if (change.kind !== 'delete')
        takings.push({ key: change.key, version, unique: change.row.unique });
    }
  }
  return images;
}

/**
 * What a later transaction did not send stays so: between the two, its source may have received
 * another's change of the row.
 */
function over(before: Image | undefined, change: RowChange, version: Version, rules: Rules): Image {
  const deleted = change.kind === 'delete' ? version : before?.deleted;
  const earlier = before?.change;
  const carriesOver = rules.without === 'no value carried over transactions';
  if (!carriesOver || change.kind === 'delete' || !earlier || earlier.kind === 'delete')
    return { change, version, deleted };
  return { change: { ...change, row: rowOver(earlier.row, change.row) }, version, deleted };
}

/** A value that another row has, or had with a greater claim, or that two rows of the batch take. */
function meets({ target, rules, transactions }: Batch, takings: readonly Taking[]): boolean {
  if (rules.without === 'claims of every transaction' && transactions.length > 1) return false;
  const takers = new Map<string, string>();
  return takings.some(({ key, version, unique }) => {
    const clash = unique.some((value, index) => {
      const name = value === null ? undefined : `${index}=${value}`;
      if (name === undefined) return false;
      const taker = takers.get(name) ?? key;
      takers.set(name, key);
      return taker !== key;
    });
    if (clash) return true;
    return takenOf(target, unique, rules).some(
      ({ holder, claim }) =>
        (holder !== undefined && holder.key !== key) ||
        (claim !== undefined && claim.key !== key && compareVersions(claim.version, version) > 0),
    );
  });
}

function applyImage(batch: Batch, { change, version }: Image): void {
  const { target } = batch;
  const { key } = change;
  const values = fill(batch, change);
  if (!predicate(batch, key, version, values === undefined))
    return applyOne(batch, change, version);
  batch.told.push(`${change.kind} ${key} ${values ? 'write' : 'delete'} by the set`);
  if (values !== undefined) return write(batch, key, values, version);
  target.remove(key);
  target.bury(key, version);
}

/** What stands in the statement's WHERE. */
function predicate({ target, source }: Batch, key: string, { time }: Version, gone: boolean) {
  const row = target.state.rows.get(key);
  if (row !== undefined) {
    target.lock(key);
    if (row.source === source) return true;
    return row.stamp < time;
  }
  const tombstone = target.tombstoneOf(key);
  return gone || tombstone === undefined || tombstone.time < time;
}
