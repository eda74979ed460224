// A database in memory: what PostgreSQL and schema `replicator` would keep of one replicated table.
// It decides nothing; what becomes of a change is said by the product's own code (rules.ts).
import { isOlder, type Version } from '../../../src/model/version.ts';
import type { Claim } from '../../../src/target/conflict/claims.ts';

/** `a` stands for large values, which an update that leaves them alone does not send. */
export interface Values {
  readonly a: string;
  readonly b: string;
  /** One per secondary unique index. */
  readonly unique: readonly (string | null)[];
}

/** Values as they are sent; `a` undefined: unchanged. */
export interface Sent extends Omit<Values, 'a'> {
  readonly a: string | undefined;
}

export type Change =
  | { readonly kind: 'insert' | 'update'; readonly key: string; readonly row: Sent }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'truncate' };

/** A user's transaction, as it stands in the stream of its database. */
export interface Transaction {
  readonly name: string;
  readonly time: bigint;
  readonly changes: readonly Change[];
  /** Others see what it did: later than its time, and later than it is in the stream. */
  visible: boolean;
}

export interface Row {
  readonly values: Values;
  readonly xid: number;
  /** The commit time that the server keeps: a batch has but one. */
  readonly stamp: bigint;
  /** Who wrote it: undefined for the database's own users. */
  readonly source: Database | undefined;
  /** When it was really written. Only the checks look at it. */
  readonly exact: bigint;
}

/** Committed, with its time taken, but not yet seen by others; it still has its locks. */
export interface InFlight {
  readonly transaction: Transaction;
  readonly rows: ReadonlyMap<string, Row | undefined>;
  readonly locks: ReadonlySet<string>;
  readonly streamAt: number;
  readonly visibleAt: number;
}

interface Manifest {
  readonly stamp: bigint;
  readonly times: Map<string, bigint>;
}

/** What one transaction can change, and what comes back when it is rolled back. */
interface State {
  rows: Map<string, Row>;
  tombstones: Map<string, Version>;
  claims: Map<string, Claim>;
  manifests: Map<number, Manifest>;
  /** How many transactions of each source, its own stream included, are applied. */
  progress: number[];
  /** The greatest commit time among them. */
  seen: bigint[];
  /** The greatest delete of all rows at once. */
  truncated: Version | undefined;
}

export class Database {
  readonly name: string;
  readonly rank: number;
  readonly stream: Transaction[] = [];
  state: State;
  inFlight: InFlight[] = [];
  skew: number;
  xid = 0;
  /** The greatest version that was here under a key or a value. Only the checks look at it. */
  readonly #witnessed = new Map<string, Version>();

  constructor(rank: number, skew: number, databases: number) {
    this.name = 'abcd'[rank] ?? '?';
    this.rank = rank;
    this.skew = skew;
    this.state = {
      rows: new Map(),
      tombstones: new Map(),
      claims: new Map(),
      manifests: new Map(),
      progress: Array.from({ length: databases }, () => 0),
      seen: Array.from({ length: databases }, () => longAgo),
      truncated: undefined,
    };
  }

  clock(now: number): bigint {
    return BigInt(now + this.skew);
  }

  progressOf(source: Database): number {
    return this.state.progress[source.rank] ?? 0;
  }

  advance(source: Database, batch: readonly Transaction[]): void {
    const { progress, seen } = this.state;
    progress[source.rank] = this.progressOf(source) + batch.length;
    for (const { time } of batch)
      if (time > (seen[source.rank] ?? longAgo)) seen[source.rank] = time;
  }

  /** The whole of `work`, or nothing of it, as a crash or an unavailable lock leaves it. */
  transaction(work: () => 'commit' | 'rollback'): void {
    const { rows, tombstones, claims, manifests, progress, seen, truncated } = this.state;
    const before: State = {
      rows: new Map(rows),
      tombstones: new Map(tombstones),
      claims: new Map(claims),
      manifests: new Map(manifests),
      progress: [...progress],
      seen: [...seen],
      truncated,
    };
    try {
      if (work() === 'rollback') this.state = before;
    } catch (error) {
      this.state = before;
      if (!(error instanceof Waits)) throw error;
    }
  }

  /** What the server knows of a row; exact while the manifest of its batch is kept. */
  versionOf(key: string, { xid, stamp, source }: Row): Version {
    if (source === undefined) return { time: stamp, rank: this.rank };
    const time = this.state.manifests.get(xid)?.times.get(key) ?? stamp;
    return { time, rank: source.rank };
  }

  witness(names: Iterable<string>, version: Version): void {
    for (const name of names) {
      const before = this.#witnessed.get(name);
      if (before === undefined || isOlder(before, version)) this.#witnessed.set(name, version);
    }
  }

  /** Whose changes a commit at this time is older than, although it follows them. */
  olderThan(names: Iterable<string>, time: bigint): 'own' | 'another' | undefined {
    let older: 'own' | 'another' | undefined;
    for (const name of names) {
      const before = this.#witnessed.get(name);
      if (!isOlder({ time, rank: this.rank }, before)) continue;
      if (before?.rank === this.rank) return 'own';
      older = 'another';
    }
    return older;
  }

  tombstoneOf(key: string): Version | undefined {
    return greater(this.state.tombstones.get(key), this.state.truncated);
  }

  bury(key: string, version: Version): void {
    this.witness([key], version);
    const { tombstones } = this.state;
    tombstones.set(key, greater(tombstones.get(key), version) ?? version);
  }

  holderOf(index: number, value: string): Claim | undefined {
    for (const [key, row] of this.state.rows)
      if (row.values.unique[index] === value) return { key, version: this.versionOf(key, row) };
    return undefined;
  }

  remember(index: number, value: string, claim: Claim): void {
    this.witness([nameOf(index, value)], claim.version);
    this.state.claims.set(nameOf(index, value), claim);
  }

  /** Throws `Waits` while a user's transaction in flight has one of these locked. */
  lock(...names: readonly string[]): void {
    if (this.isLocked(names)) throw new Waits();
  }

  isLocked(names: readonly string[]): boolean {
    return this.inFlight.some(
      ({ locks }) => locks.has(wholeTable) || names.some((name) => locks.has(name)),
    );
  }

  remove(key: string): void {
    if (!this.state.rows.has(key)) return;
    this.lock(key);
    this.state.rows.delete(key);
  }

  /** Time has passed: what is in flight reaches the stream, and then becomes visible. */
  settle(now: number): void {
    if (this.inFlight.length === 0) return;
    for (const flight of this.inFlight) {
      const { transaction } = flight;
      if (now >= flight.streamAt && !this.stream.includes(transaction))
        this.stream.push(transaction);
      if (now >= flight.visibleAt) this.show(flight);
    }
    this.inFlight = this.inFlight.filter(({ transaction }) => !transaction.visible);
  }

  show({ transaction, rows }: InFlight): void {
    transaction.visible = true;
    for (const [key, row] of rows)
      if (row === undefined) this.state.rows.delete(key);
      else this.state.rows.set(key, row);
  }

  /** Of what is in flight, that stays which reached the WAL. */
  crash(): void {
    for (const flight of this.inFlight)
      if (this.stream.includes(flight.transaction)) this.show(flight);
    this.inFlight = [];
  }
}

/** Stands for waiting: the transaction is rolled back and comes again later. */
export class Waits extends Error {}

/** The lock of a TRUNCATE. */
export const wholeTable = '*';

export const longAgo = -1_000_000n;

export function nameOf(index: number, value: string): string {
  return `${index}=${value}`;
}

/** The locks of a row: its key and its values of unique indexes. */
export function locksOf(key: string, values: Pick<Values, 'unique'> | undefined): string[] {
  const names = [key];
  values?.unique.forEach((value, index) => {
    if (value !== null) names.push(nameOf(index, value));
  });
  return names;
}

function greater(a: Version | undefined, b: Version | undefined): Version | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.time > b.time || (a.time === b.time && a.rank > b.rank) ? a : b;
}
