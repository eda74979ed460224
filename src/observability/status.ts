// The shape of `replicator status --output json`, which is a promise (schemaVersion 1).
import type { ErrorCode } from '../model/errors.ts';

export interface SubscriptionStatus {
  readonly subscription: string;
  readonly source: string;
  readonly target: string;
  /** A state of subscription/lifecycle, or `down` (nobody reads the slot), `not set up`, `unknown`. */
  readonly state: string;
  readonly healthy: boolean;
  /** It has a slot of its own on the source: it was away, paused or too slow, and has not caught up. */
  readonly detached: boolean;
  /** Null where one of the two databases does not answer, or knows nothing of the other. */
  readonly lagBytes: number | null;
  /** Null also when it is behind and nothing was applied yet. */
  readonly lagSeconds: number | null;
  readonly flushedLsn: string | null;
  readonly appliedAt: string | null;
  readonly inserts: number;
  readonly updates: number;
  readonly deletes: number;
  readonly truncates: number;
  /** Changes that met another state of the row than the source's; each was applied all the same. */
  readonly conflicts: number;
  readonly conflictCounts: readonly ConflictTypeCount[];
  readonly tables: number;
  /** Match a relgroup, but have not joined. */
  readonly waitingTables: readonly string[];
  readonly lastError: LastError | null;
}

export interface ConflictTypeCount {
  readonly type: string;
  readonly resolution: string;
  readonly count: number;
}

/** A database that cannot forget deletes, as an older change of their rows may still come. */
export interface HeldDeletes {
  readonly database: string;
  /** When the oldest of them was committed, as timestamptz text. */
  readonly since: string;
  /** Of which nothing was heard for long; the database itself means its own stream. */
  readonly missing: readonly string[];
}

/** A standby that must have what its database has applied before a source may forget it. */
export interface StandbyStatus {
  readonly database: string;
  readonly slotName: string;
  /** It is connected. */
  readonly active: boolean;
  /** Bytes of WAL that it has not on disk; null where there is no such slot, or it was never used. */
  readonly behindBytes: number | null;
}

export interface LastError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly at: string;
}

export interface Difference {
  readonly database: string;
  readonly other: string;
  readonly table: string;
  readonly onlyHere: number;
  readonly onlyThere: number;
  readonly differing: number;
  readonly keys: unknown;
  /** Null: they joined as they were, and it is not known yet whether they differ. */
  readonly comparedAt: string | null;
}

/** Which process reads a source and writes to its targets. */
export interface OwnerStatus {
  readonly source: string;
  /** Null: it was stopped in order, and no other process stands by. */
  readonly host: string | null;
  readonly pid: number | null;
  readonly since: string | null;
  /** Raised with every owner. */
  readonly epoch: number;
  /** Its session on the source is there. A frozen process keeps it, for a while. */
  readonly connected: boolean;
  /** Sessions of processes that would take its place. */
  readonly standingBy: number;
}

export interface Status {
  readonly healthy: boolean;
  readonly subscriptions: readonly SubscriptionStatus[];
  readonly slots: readonly SlotStatus[];
  readonly owners: readonly OwnerStatus[];
  readonly differences: readonly Difference[];
  readonly heldDeletes: readonly HeldDeletes[];
  readonly standbys: readonly StandbyStatus[];
  readonly databases: readonly DatabaseStatus[];
}

export interface DatabaseStatus {
  readonly database: string;
  readonly reachable: boolean;
  readonly code: ErrorCode | null;
  /** Why nothing is known of it: it is not reachable, or does not tell. */
  readonly error: string | null;
}

/** PostgreSQL's own columns of pg_replication_slots, and what they add up to. */
export interface SlotStatus {
  readonly database: string;
  readonly slotName: string;
  /** Whose place it keeps; null for the slot of all. */
  readonly target: string | null;
  readonly active: boolean;
  readonly restartLsn: string | null;
  readonly confirmedFlushLsn: string | null;
  readonly walStatus: string | null;
  /** Bytes of WAL that the server keeps because of the slot. */
  readonly retainedBytes: number;
  /** Bytes that can still be written before it is lost; null without max_slot_wal_keep_size. */
  readonly safeWalSizeBytes: number | null;
  /**
   * When it will be lost or given up if nothing changes, by the mean rate at which the source has
   * written WAL since it was set up; null without a limit.
   */
  readonly secondsToLimit: number | null;
}
