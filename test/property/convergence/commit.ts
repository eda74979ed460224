// What users do: a transaction on one database, which sees what is visible there and waits for nobody.
import {
  type Change,
  type Database,
  locksOf,
  type Row,
  type Sent,
  type Values,
  wholeTable,
} from './database.ts';
import type { History, Step, UserChange } from './history.ts';

export interface Commit {
  readonly changes: readonly Change[];
  /** After the clock went back: it bears an earlier time than what it replaces, and whose that was. */
  readonly olderThan: 'own' | 'another' | undefined;
}

/** Undefined where there was nothing to do, or somebody else's lock to wait for. */
export function commit(
  database: Database,
  step: Extract<Step, { kind: 'commit' }>,
  now: number,
  history: History,
): Commit | undefined {
  const time = database.clock(now);
  const xid = database.xid + 1;
  const name = `${database.name}${database.stream.length + database.inFlight.length + 1}`;
  const work = new UserTransaction(database, history, (values) => {
    return { values, xid, stamp: time, source: undefined, exact: time };
  });
  step.changes.forEach((change, i) => {
    work.carryOut(change, `${name}${step.changes.length > 1 ? `.${i + 1}` : ''}`);
  });
  if (work.changes.length === 0) return undefined;
  database.xid = xid;
  const { changes, rows, locks } = work;
  const streamAt = now + step.toStream;
  database.inFlight.push({
    transaction: { name, time, changes, visible: false },
    rows,
    locks,
    streamAt,
    visibleAt: streamAt + step.toVisible,
  });
  const olderThan = database.olderThan(locks, time);
  database.witness(locks, { time, rank: database.rank });
  database.settle(now);
  return { changes, olderThan };
}

class UserTransaction {
  readonly changes: Change[] = [];
  readonly rows = new Map<string, Row | undefined>();
  readonly locks = new Set<string>();
  readonly #database: Database;
  readonly #history: History;
  readonly #rowOf: (values: Values) => Row;

  constructor(database: Database, history: History, rowOf: (values: Values) => Row) {
    this.#database = database;
    this.#history = history;
    this.#rowOf = rowOf;
  }

  carryOut({ what, key: k, to, unique }: UserChange, label: string): void {
    if (what === 'truncate') return this.#truncate();
    const key = keyOf(k, this.#history);
    const present = this.#present(key);
    const fresh = { a: label, b: label, unique: unique.map((v, i) => this.#valueOf(v, i)) };
    if (present === undefined) {
      if (what !== 'insert' && what !== 'update') return;
      if (this.#write(key, undefined, fresh))
        this.changes.push({ kind: 'insert', key, row: fresh });
      return;
    }
    switch (what) {
      case 'delete':
        if (this.#take(key, present)) {
          this.rows.set(key, undefined);
          this.changes.push({ kind: 'delete', key });
        }
        return;
      case 'insert':
      case 'update':
        if (this.#write(key, present, fresh))
          this.changes.push({ kind: 'update', key, row: fresh });
        return;
      case 'update, a unchanged':
        if (this.#write(key, present, { ...fresh, a: present.a }))
          this.changes.push({ kind: 'update', key, row: { ...fresh, a: undefined } });
        return;
      case 'move': {
        const newKey = keyOf(to, this.#history);
        if (newKey === key || this.#present(newKey) !== undefined) return;
        const row: Sent = { ...fresh, a: undefined };
        if (!this.#free(newKey, key, fresh.unique) || !this.#take(key, present)) return;
        if (!this.#write(newKey, undefined, { ...fresh, a: present.a }, key)) return;
        this.rows.set(key, undefined);
        this.changes.push({ kind: 'delete', key }, { kind: 'insert', key: newKey, row });
        return;
      }
    }
  }

  #truncate(): void {
    const { inFlight, state } = this.#database;
    if (inFlight.length > 0) return;
    const rows = new Map([...state.rows].map(([key, { values }]) => [key, values] as const));
    for (const [key, row] of this.rows) if (row) rows.set(key, row.values);
    for (const [key, values] of rows) {
      this.#take(key, values);
      this.rows.set(key, undefined);
    }
    this.locks.add(wholeTable);
    this.changes.push({ kind: 'truncate' });
  }

  #present(key: string): Values | undefined {
    const row = this.rows.has(key) ? this.rows.get(key) : this.#database.state.rows.get(key);
    return row?.values;
  }

  #valueOf(choice: number, index: number): string | null {
    return choice < this.#history.values
      ? ('xyz'[choice] ?? '') + (index === 0 ? '' : index)
      : null;
  }

  #write(key: string, before: Values | undefined, values: Values, but = key): boolean {
    if (!this.#free(key, but, values.unique)) return false;
    if (!this.#take(key, before) || !this.#take(key, values)) return false;
    this.rows.set(key, this.#rowOf(values));
    return true;
  }

  /** The server's own unique indexes. */
  #free(key: string, but: string, unique: Values['unique']): boolean {
    return [...new Set([...this.#database.state.rows.keys(), ...this.rows.keys()])].every(
      (other) =>
        other === key ||
        other === but ||
        !this.#present(other)?.unique.some((value, i) => value !== null && value === unique[i]),
    );
  }

  #take(key: string, values: Values | undefined): boolean {
    const names = locksOf(key, values);
    if (this.#database.isLocked(names)) return false;
    for (const name of names) this.locks.add(name);
    return true;
  }
}

function keyOf(choice: number, { keys }: History): string {
  return `k${(choice % keys) + 1}`;
}
