// What the rest of the program knows of the user's file: names resolved, units applied, nothing
// optional left. Made by load-config.ts, never changed afterwards.

export type Role = 'source' | 'target';
export type SslMode = 'disable' | 'verify-ca' | 'verify-full';
export type InitialCopy = 'none' | 'once' | 'if_empty';
export type ConflictRule = 'latest' | 'pause';
export type ConflictLog = 'full' | 'keys' | 'off';
export type TruncateRule = 'replicate' | 'ignore' | 'refuse';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Where `password` looks, for people; never the password. */
type PasswordSource =
  | { readonly kind: 'config' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'pgpass'; readonly path: string };

export interface DatabaseConfig {
  /** Its name in the file, `[a-z0-9_]{1,20}`. */
  readonly name: string;
  /** Host name, address, or an absolute path: the folder of a Unix-domain socket. */
  readonly host: string;
  readonly port: number;
  readonly dbname: string;
  readonly user: string;
  /** A function, so that inspecting or logging the object never shows it. Reads the file anew. */
  readonly password: () => Promise<string | undefined>;
  /** Only for showing the configuration. */
  readonly passwordSource?: PasswordSource;
  readonly sslmode: SslMode;
  readonly sslrootcert: string | undefined;
  readonly sslcert: string | undefined;
  readonly sslkey: string | undefined;
  readonly connectTimeoutMs: number;
  /** Physical slots of those of its standbys that count in what is durable there. */
  readonly standbySlots: readonly string[];
}

export interface RelgroupConfig {
  readonly name: string;
  /** `schema.table` patterns, `*` and `?` as wildcards in either part. */
  readonly tables: readonly string[];
  readonly exclude: readonly string[];
}

/** How a table is treated. The syncs that bring it from one database to another must agree. */
export interface SyncOptions {
  readonly initialCopy: InitialCopy;
  readonly conflict: ConflictRule;
  readonly conflictLog: ConflictLog;
  /** A row that was overruled so soon after it was committed is a conflict, and logged. */
  readonly conflictWindowMs: number;
  readonly truncate: TruncateRule;
}

export interface SyncConfig extends SyncOptions {
  readonly name: string;
  readonly relgroup: RelgroupConfig;
  readonly dbgroup: string;
  readonly members: ReadonlyMap<string, Role>;
}

/** One directed pair that follows from the syncs; spelled `source:target` for users. */
export interface SubscriptionConfig {
  readonly source: string;
  readonly target: string;
  readonly syncs: readonly SyncConfig[];
}

export interface Config {
  /** Path of the file that was loaded, as the user would name it. */
  readonly file: string;
  /** What is not wrong but ought to be looked at: lines like those of a ConfigError. */
  readonly warnings: readonly string[];
  /** In the file's order, which gives the ranks. */
  readonly databases: ReadonlyMap<string, DatabaseConfig>;
  readonly syncs: readonly SyncConfig[];
  readonly subscriptions: readonly SubscriptionConfig[];
  /** Databases that are source and target: each is also a target of its own stream. */
  readonly ownStreams: readonly string[];
  readonly apply: {
    /** Most changes in one batch. */
    readonly batchChanges: number;
    /** Most bytes of row values in one batch; a larger transaction is applied in chunks of it. */
    readonly batchBytes: number;
    /** Bytes of row values that may wait for one target before it must slow down its source or leave it. */
    readonly queueBytes: number;
    /** How long a batch waits for a lock on the target before it is tried again. */
    readonly lockTimeoutMs: number;
  };
  readonly slots: {
    /** WAL that a slot keeps before the log warns. */
    readonly warnBytes: number;
    /** WAL that is kept for one target that cannot follow; undefined: without limit. */
    readonly giveUpBytes: number | undefined;
  };
  /** How often the marker is written on each source; undefined: never. */
  readonly heartbeatMs: number | undefined;
  readonly log: { readonly level: LogLevel };
  readonly maxClockSkewMs: number;
  /** How long a row of replicator.conflicts is kept. */
  readonly conflictRetentionMs: number;
  readonly shutdownTimeoutMs: number;
}
