// The changes of a table without a key, sent with REPLICA IDENTITY FULL: rows are told apart only by
// all that they hold, so a table is a multiset, and what a batch does to it is one set of removals,
// replacements and additions.
import type { RowChange, UpdateChange } from '../../model/change.ts';
import { Tuple } from '../../model/tuple.ts';
import type { TargetTable } from './target-table.ts';

/** A row that was there before the batch, and what becomes of it. */
export interface Replacement {
  readonly old: Tuple;
  row: Tuple;
}

export interface WholeRowStep {
  readonly deletes: Tuple[];
  readonly updates: Replacement[];
  readonly inserts: Tuple[];
}

/** What an earlier change of the batch made: a row of the table before it, or a new one. */
interface Made {
  readonly old: Tuple | undefined;
  row: Tuple;
}

export function isWholeRow({ key, relation }: TargetTable): boolean {
  return key === undefined && relation.replicaIdentity === 'full';
}

/**
 * Of equal rows it does not matter which one is changed. So a change of a row that the batch itself
 * made is folded into that, and every row left to be found was there before.
 */
export function foldWholeRows(table: TargetTable, changes: readonly RowChange[]): WholeRowStep {
  const fixed = table.columns.filter(({ identityAlways }) => identityAlways);
  const made = new Map<string, Made[]>();
  const deletes: Tuple[] = [];
  for (const change of changes) {
    if (change.kind === 'insert') {
      put(made, { old: undefined, row: change.new });
      continue;
    }
    const old = change.old ?? Tuple.of([]);
    const earlier = take(made, old);
    if (change.kind === 'delete') {
      if (earlier === undefined) deletes.push(old);
      else if (earlier.old !== undefined) deletes.push(earlier.old);
    } else put(made, { old: earlier === undefined ? old : earlier.old, row: wholeRowOf(change) });
  }
  const step: WholeRowStep = { deletes, updates: [], inserts: [] };
  for (const { old, row } of [...made.values()].flat()) {
    if (old === undefined) step.inserts.push(row);
    else if (fixed.every(({ index }) => old.at(index) === row.at(index)))
      step.updates.push({ old, row });
    else {
      // SQL lets nobody update a GENERATED ALWAYS identity, but insert one.
      deletes.push(old);
      step.inserts.push(row);
    }
  }
  return step;
}

/** With FULL the old row has the large values that the update did not touch. */
export function wholeRowOf({ old, new: row }: UpdateChange): Tuple {
  return old === undefined ? row : row.filledFrom(old);
}

function put(made: Map<string, Made[]>, entry: Made): void {
  const { image } = entry.row;
  const same = made.get(image);
  if (same === undefined) made.set(image, [entry]);
  else same.push(entry);
}

function take(made: Map<string, Made[]>, { image }: Tuple): Made | undefined {
  return made.get(image)?.pop();
}
