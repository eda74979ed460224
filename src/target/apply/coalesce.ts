// The changes of one table in a batch, folded into steps: within a step every key appears once, so
// its deletes, updates and inserts can each be one statement over many rows.
import type { RowChange, UpdateChange } from '../../model/change.ts';
import { ReplicatorError } from '../../model/errors.ts';
import { tableLabel } from '../../model/relation.ts';
import type { Tuple, Value } from '../../model/tuple.ts';
import type { RowDelete, RowWrite, SingleRow, Step } from './step.ts';
import type { TargetTable } from './target-table.ts';

interface RowState {
  readonly key: readonly Value[];
  /** The target's row must go first: it was deleted, or deleted and inserted again. */
  removed: RowDelete | undefined;
  /** It did not exist before this step. */
  born: boolean;
  /** What the row becomes; undefined once it is deleted. */
  row: Tuple | undefined;
  time: bigint;
  /** See RowDelete; since it was last deleted. */
  first: bigint | undefined;
  earlier: SingleRow[] | undefined;
  /** `row` is complete: to be inserted. Else only what is not `unchanged` is to be updated. */
  inserted: boolean;
}

/** The changes of one table in their order, each with the commit time of its transaction. */
export interface TableChanges {
  readonly changes: RowChange[];
  readonly times: bigint[];
}

/**
 * `inFull` for what is not written at once: with what earlier transactions made of a row, and every row with
 * its key. Throws REPLICA_IDENTITY when rows must be found and the table has no key.
 */
export function coalesce(
  table: TargetTable,
  { changes, times }: TableChanges,
  { inFull }: { readonly inFull: boolean },
): Step[] {
  const { key, uniques } = table;
  if (key === undefined) return [insertsAlone(table, { changes, times })];
  // Every change claims its values of other unique keys, also one that a later change covers.
  const isSaid = inFull || uniques.length > 0;
  // No key is inserted twice; the server would refuse it, and all is done in full then.
  if (!isSaid && changes.every(({ kind }) => kind === 'insert'))
    return [insertsAlone(table, { changes, times })];
  const positions = key.map(({ index }) => index);
  const isContested = table.contested !== undefined;
  const builder = new StepBuilder(positions, { isContested, saysEarlier: isContested && isSaid });
  for (const [i, change] of changes.entries()) builder.add(change, times[i] ?? 0n);
  return builder.finish();
}

/** The key's values in a tuple; `unchanged` for one that was not sent. */
export function keyOfTuple(positions: readonly number[], tuple: Tuple): readonly Value[] {
  return positions.map((position) => tuple.at(position));
}

/** Where the target's row is found: the old key where it was sent, else the new one. */
export function keyOfUpdate(positions: readonly number[], change: UpdateChange): readonly Value[] {
  return keyOfTuple(positions, change.old ?? change.new);
}

/** The server takes an identity over NOT NULL columns only, so of one that was sent none can be null. */
function refuseKeyless({ kind, relation }: RowChange, key: readonly Value[]): void {
  if (relation.replicaIdentity === 'full' || !key.includes(null)) return;
  throw new ReplicatorError(
    'REPLICA_IDENTITY',
    `${tableLabel(relation)}: the ${kind} of a row of a partition came without its key`,
    {
      hint: 'the partition has another replica identity than its table: alter table … replica identity full, then `replicator resync` the target',
    },
  );
}

/** The new row with what of it was sent in the old one only: a large value that did not change. */
export function newRowOf(
  positions: readonly number[],
  { old, new: row, relation }: UpdateChange,
): Tuple {
  if (old === undefined) return row;
  const whole = relation.replicaIdentity === 'full';
  return row.filledFrom(old, (i) => whole || positions.includes(i));
}

class StepBuilder {
  readonly #positions: readonly number[];
  readonly #isContested: boolean;
  readonly #saysEarlier: boolean;
  readonly #steps: Step[] = [];
  #rows = new Map<string, RowState>();
  #rekeys: RowWrite[] = [];
  #rekeyed = new Set<string>();

  constructor(
    positions: readonly number[],
    { isContested, saysEarlier }: { readonly isContested: boolean; readonly saysEarlier: boolean },
  ) {
    this.#positions = positions;
    this.#isContested = isContested;
    this.#saysEarlier = saysEarlier;
  }

  add(change: RowChange, time: bigint): void {
    switch (change.kind) {
      case 'insert':
        return this.#insert(change.new, time);
      case 'update':
        return this.#update(change, time);
      case 'delete': {
        const key = keyOfTuple(this.#positions, change.old);
        refuseKeyless(change, key);
        return this.#delete(key, time);
      }
    }
  }

  finish(): Step[] {
    this.#endStep();
    return this.#steps;
  }

  #insert(row: Tuple, time: bigint): void {
    const key = keyOfTuple(this.#positions, row);
    const name = nameOf(key);
    const state = this.#stateOf(name);
    if (state === undefined) this.#rows.set(name, newState(key, row, time, { inserted: true }));
    else {
      this.#keepEarlier(state, time);
      state.row = row;
      state.time = time;
      state.inserted = true;
    }
  }

  #update(change: UpdateChange, time: bigint): void {
    const key = keyOfUpdate(this.#positions, change);
    refuseKeyless(change, key);
    const name = nameOf(key);
    const row = newRowOf(this.#positions, change);
    if (change.old !== undefined) {
      const newKey = keyOfTuple(this.#positions, row);
      if (name !== nameOf(newKey)) return this.#rekey(key, newKey, row, time);
    }
    let state = this.#stateOf(name);
    // An update of a row that this step deleted: it must have come back by other means.
    if (state !== undefined && state.row === undefined) {
      this.#endStep();
      state = undefined;
    }
    if (state === undefined) this.#rows.set(name, newState(key, row, time, { inserted: false }));
    else {
      this.#keepEarlier(state, time);
      state.row = this.#over(state, row, time);
      state.time = time;
    }
  }

  #rekey(key: readonly Value[], newKey: readonly Value[], row: Tuple, time: bigint): void {
    const name = nameOf(key);
    const newName = nameOf(newKey);
    if (this.#isContested) {
      const whole = this.#over(this.#rows.get(name), row, time);
      this.#delete(key, time);
      return this.#insert(whole, time);
    }
    if (this.#touched(name) || this.#touched(newName)) this.#endStep();
    this.#rekeys.push({ key, row, time });
    this.#rekeyed.add(name).add(newName);
  }

  #delete(key: readonly Value[], time: bigint): void {
    const name = nameOf(key);
    const state = this.#stateOf(name);
    if (state === undefined) {
      const gone = newState(key, undefined, time, { inserted: false });
      this.#rows.set(name, { ...gone, removed: { key, time } });
    } else {
      this.#keepEarlier(state, time);
      state.removed = this.#removal(state, time);
      state.row = undefined;
      state.time = time;
      state.first = undefined;
      state.earlier = undefined;
      state.inserted = false;
    }
  }

  /** The row as it is, before a later transaction changes it. */
  #keepEarlier(state: RowState, time: bigint): void {
    const { key, row, time: before, inserted } = state;
    if (!this.#isContested || row === undefined || before === time) return;
    state.first = least(state.first ?? before, time);
    if (!this.#saysEarlier) return;
    state.earlier ??= [];
    state.earlier.push({ kind: inserted ? 'insert' : 'update', key, row, time: before });
  }

  /** Also of what the step deleted before, which came back in between. */
  #removal({ key, removed, first, earlier }: RowState, time: bigint): RowDelete {
    if (!this.#isContested || removed === undefined) return { key, time, first, earlier };
    const { time: before } = removed;
    const firstOfAll = least(first ?? time, removed.first ?? before);
    if (!this.#saysEarlier) return { key, time, first: firstOfAll };
    const deletes: SingleRow[] = [...(removed.earlier ?? [])];
    if (before !== time) deletes.push({ kind: 'delete', key, time: before });
    return { key, time, first: firstOfAll, earlier: [...deletes, ...(earlier ?? [])] };
  }

  /**
   * Where several write, what an update did not send is known from its own transaction only: before
   * that the source may have received another's change of the row.
   */
  #over(state: RowState | undefined, row: Tuple, time: bigint): Tuple {
    const isUnknown = this.#isContested && state?.time !== time;
    return isUnknown || state?.row === undefined ? row : row.filledFrom(state.row);
  }

  /** The state of a key in the current step, after ending the step if the key was moved in it. */
  #stateOf(name: string): RowState | undefined {
    if (this.#rekeyed.has(name)) this.#endStep();
    return this.#rows.get(name);
  }

  #touched(name: string): boolean {
    return this.#rows.has(name) || this.#rekeyed.has(name);
  }

  #endStep(): void {
    if (this.#rows.size === 0 && this.#rekeys.length === 0) return;
    const deletes: RowDelete[] = [];
    const updates: RowWrite[] = [];
    const inserts: RowWrite[] = [];
    const bornAndGone: RowDelete[] = [];
    for (const { key, removed, born, row, time, first, earlier, inserted } of this.#rows.values()) {
      if (removed !== undefined) (born ? bornAndGone : deletes).push(removed);
      if (row !== undefined)
        (inserted ? inserts : updates).push({ key, row, time, first, earlier });
    }
    const expectedDeletes = deletes.length;
    for (const each of bornAndGone) deletes.push(each);
    this.#steps.push({ deletes, expectedDeletes, rekeys: this.#rekeys, updates, inserts });
    this.#rows = new Map();
    this.#rekeys = [];
    this.#rekeyed = new Set();
  }
}

/** Of a key that is new to the step; what is inserted did not exist before. */
function newState(
  key: readonly Value[],
  row: Tuple | undefined,
  time: bigint,
  { inserted }: { readonly inserted: boolean },
): RowState {
  return {
    key,
    removed: undefined,
    born: inserted,
    row,
    time,
    first: undefined,
    earlier: undefined,
    inserted,
  };
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** One string per key. Values cannot contain NUL, so joining by it is unambiguous. */
export function nameOf(key: readonly Value[]): string {
  return key.length === 1 ? String(key[0]) : key.map(String).join('\0');
}

/** As they came, without keys. */
function insertsAlone(table: TargetTable, { changes, times }: TableChanges): Step {
  const inserts = changes.map((change, i): RowWrite => {
    if (change.kind === 'insert') return { key: [], row: change.new, time: times[i] ?? 0n };
    throw new ReplicatorError(
      'REPLICA_IDENTITY',
      `${table.label}: an ${change.kind} cannot be applied, the target has no key to find the row`,
    );
  });
  return { deletes: [], expectedDeletes: 0, rekeys: [], updates: [], inserts };
}
