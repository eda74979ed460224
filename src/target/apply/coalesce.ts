// The changes of one table in a batch, folded into steps: within a step every key appears once, so
// its deletes, updates and inserts can each be one statement over many rows.
import type { DeleteChange, InsertChange, RowChange, UpdateChange } from '../../model/change.ts';
import { ReplicatorError } from '../../model/errors.ts';
import { type Tuple, unchanged, type Value } from '../../model/tuple.ts';
import type { TargetTable } from './target-table.ts';

/** One row of the table: where to find it, and what it becomes. */
export interface RowWrite {
  /** Values of the key's columns, in the key's order, by which the target's row is found. */
  readonly key: readonly Value[];
  readonly row: Tuple;
}

export interface Step {
  /** Keys to remove, before anything else. */
  readonly deletes: (readonly Value[])[];
  /** So many of the first that the target must have; the others were born in this batch. */
  expectedDeletes: number;
  /** Rows whose key changes: found by the old one. */
  readonly rekeys: RowWrite[];
  readonly updates: RowWrite[];
  readonly inserts: Tuple[];
}

interface RowState {
  readonly key: readonly Value[];
  /** The target's row must go first: it was deleted, or deleted and inserted again. */
  removed: boolean;
  /** It did not exist before this step. */
  born: boolean;
  /** What the row becomes; undefined once it is deleted. */
  row: Tuple | undefined;
  /** `row` is complete: to be inserted. Else only what is not `unchanged` is to be updated. */
  inserted: boolean;
}

/** Throws REPLICA_IDENTITY when rows must be found and the table has no key. */
export function coalesce(table: TargetTable, changes: readonly RowChange[]): Step[] {
  const { key } = table;
  if (key === undefined) return [keylessStep(table, changes)];
  const positions = key.map(({ index }) => index);
  const builder = new StepBuilder(positions);
  for (const change of changes) builder.add(change);
  return builder.finish();
}

/** The key's values in a tuple, or undefined when one of them was not sent. */
export function keyOfTuple(positions: readonly number[], tuple: Tuple): readonly Value[] {
  return positions.map((position) => tuple[position] ?? null);
}

/** Where the target's row is found: the old key where it was sent, else the new one. */
export function keyOfUpdate(positions: readonly number[], change: UpdateChange): readonly Value[] {
  return keyOfTuple(positions, change.old ?? change.new);
}

/** The new row, with its key: a large one that did not change is sent with the old row only. */
export function newRowOf(positions: readonly number[], { old, new: row }: UpdateChange): Tuple {
  if (old === undefined || !positions.some((position) => row[position] === unchanged)) return row;
  return row.map((value, i) =>
    value === unchanged && positions.includes(i) ? (old[i] ?? null) : value,
  );
}

class StepBuilder {
  readonly #positions: readonly number[];
  readonly #steps: Step[] = [];
  #rows = new Map<string, RowState>();
  #rekeys: RowWrite[] = [];
  #rekeyed = new Set<string>();

  constructor(positions: readonly number[]) {
    this.#positions = positions;
  }

  add(change: RowChange): void {
    switch (change.kind) {
      case 'insert':
        return this.#insert(change);
      case 'update':
        return this.#update(change);
      case 'delete':
        return this.#delete(change);
    }
  }

  finish(): Step[] {
    this.#endStep();
    return this.#steps;
  }

  #insert(change: InsertChange): void {
    const key = keyOfTuple(this.#positions, change.new);
    const state = this.#stateOf(key);
    if (state === undefined)
      this.#set(key, { key, removed: false, born: true, row: change.new, inserted: true });
    else {
      state.row = change.new;
      state.inserted = true;
    }
  }

  #update(change: UpdateChange): void {
    const key = keyOfUpdate(this.#positions, change);
    const row = newRowOf(this.#positions, change);
    const newKey = keyOfTuple(this.#positions, row);
    const name = nameOf(key);
    const newName = nameOf(newKey);
    if (name !== newName) {
      if (this.#touched(name) || this.#touched(newName)) this.#endStep();
      this.#rekeys.push({ key, row });
      this.#rekeyed.add(name).add(newName);
      return;
    }
    let state = this.#stateOf(key);
    // An update of a row that this step deleted: it must have come back by other means.
    if (state !== undefined && state.row === undefined) {
      this.#endStep();
      state = undefined;
    }
    if (state === undefined)
      this.#set(key, { key, removed: false, born: false, row, inserted: false });
    else state.row = merge(state.row, row);
  }

  #delete(change: DeleteChange): void {
    const key = keyOfTuple(this.#positions, change.old);
    const state = this.#stateOf(key);
    if (state === undefined)
      this.#set(key, { key, removed: true, born: false, row: undefined, inserted: false });
    else {
      state.removed = true;
      state.row = undefined;
      state.inserted = false;
    }
  }

  /** The state of a key in the current step, after ending the step if the key was moved in it. */
  #stateOf(key: readonly Value[]): RowState | undefined {
    const name = nameOf(key);
    if (this.#rekeyed.has(name)) this.#endStep();
    return this.#rows.get(name);
  }

  #set(key: readonly Value[], state: RowState): void {
    this.#rows.set(nameOf(key), state);
  }

  #touched(name: string): boolean {
    return this.#rows.has(name) || this.#rekeyed.has(name);
  }

  #endStep(): void {
    if (this.#rows.size === 0 && this.#rekeys.length === 0) return;
    const step: Step = {
      deletes: [],
      expectedDeletes: 0,
      rekeys: this.#rekeys,
      updates: [],
      inserts: [],
    };
    const bornAndGone: (readonly Value[])[] = [];
    for (const { key, removed, born, row, inserted } of this.#rows.values()) {
      if (removed && !born) step.deletes.push(key);
      else if (removed) bornAndGone.push(key);
      if (row !== undefined && inserted) step.inserts.push(row);
      else if (row !== undefined) step.updates.push({ key, row });
    }
    step.expectedDeletes = step.deletes.length;
    for (const key of bornAndGone) step.deletes.push(key);
    this.#steps.push(step);
    this.#rows = new Map();
    this.#rekeys = [];
    this.#rekeyed = new Set();
  }
}

/** A later image over an earlier one: what it did not carry keeps the earlier value. */
function merge(earlier: Tuple | undefined, later: Tuple): Tuple {
  if (earlier === undefined || !later.includes(unchanged)) return later;
  return later.map((value, i) => (value === unchanged ? (earlier[i] ?? null) : value));
}

/** One string per key. Values cannot contain NUL, so joining by it is unambiguous. */
function nameOf(key: readonly Value[]): string {
  return key.length === 1 ? String(key[0]) : key.map(String).join('\0');
}

function keylessStep(table: TargetTable, changes: readonly RowChange[]): Step {
  const inserts = changes.map((change) => {
    if (change.kind === 'insert') return change.new;
    throw new ReplicatorError(
      'REPLICA_IDENTITY',
      `${table.label}: an ${change.kind} cannot be applied, the target has no key to find the row`,
    );
  });
  return { deletes: [], expectedDeletes: 0, rekeys: [], updates: [], inserts };
}
