// Schema `replicator`: everything that we keep on a database. Small, versioned, and the only place
// where state lives, so that a process, a host or a container can be thrown away.
import { schemaFunctions } from './schema-functions.ts';

/** Raised with every change of a table below, of what is released; a newer one on a server is refused. */
export const schemaVersion = 1;

export const schemaStatements: readonly string[] = [
  // On 13 a superuser made it already, with the wrappers below, when granting.
  'create schema if not exists replicator',

  `create table replicator.installation (
  only_row boolean primary key default true check (only_row),
  schema_version integer not null,
  database text not null,
  system_identifier text not null,
  database_oid oid not null,
  -- The greatest id that an origin of ours had here.
  last_origin oid not null default 0,
  created_at timestamptz not null default now())`,

  // Who wins a tie. Given once and the same on every database.
  `create table replicator.ranks (
  database text primary key,
  rank integer not null unique)`,

  // This database as a source: its slot, and the copies of it that belong to one target each.
  // creating is written first: a slot is not transactional.
  `create table replicator.slots (
  slot_name text primary key,
  state text not null check (state in ('creating', 'created')),
  -- Whose copy it is; null: the slot of all. A slot keeps its name when its target gets another.
  target text unique,
  publication_oid oid,
  consistent_lsn pg_lsn,
  created_at timestamptz not null default now())`,

  // This database as a source: what the daemon last said of each of its targets.
  `create table replicator.subscriptions (
  target text primary key,
  -- Which database that is, whatever its name in the file.
  system_identifier text not null,
  database_oid oid not null,
  established_at timestamptz not null default now(),
  state text not null default 'starting',
  state_since timestamptz not null default now(),
  error_code text,
  error_message text,
  error_hint text,
  error_at timestamptz,
  paused boolean not null default false,
  wished_at timestamptz,
  given_up_at timestamptz,
  -- A person knows of the gap: the target begins anew, and this is null again.
  resync_wished_at timestamptz)`,

  // This database as a source: which process reads it and writes to its targets. Each owner has a
  // greater epoch than the one before. No owner: it was stopped in order.
  `create table replicator.lease (
  only_row boolean primary key default true check (only_row),
  epoch bigint not null default 0,
  owner uuid,
  host text,
  pid integer,
  since timestamptz,
  backend_pid integer,
  backend_start timestamptz)`,
  'insert into replicator.lease default values',

  // Every owner that there was: what a target was written by and this does not know shows that this
  // database was restored to an earlier state.
  `create table replicator.owners (
  epoch bigint primary key,
  owner uuid not null,
  host text not null,
  pid integer not null,
  since timestamptz not null)`,

  // This database as a target: how far each source is applied here; on which timeline of the source,
  // since a position says nothing beyond a promotion; by which owner, and through which session.
  `create table replicator.progress (
  source text primary key,
  origin text not null unique,
  lsn pg_lsn not null,
  timeline bigint,
  epoch bigint not null default 0,
  owner uuid,
  backend_pid integer,
  backend_start timestamptz,
  commit_time timestamptz,
  seen_time timestamptz,
  -- What the source wrote before it meets rows of which nobody remembers what was deleted, as it was not in the file.
  unremembered_lsn pg_lsn,
  applied_at timestamptz,
  inserts bigint not null default 0,
  updates bigint not null default 0,
  deletes bigint not null default 0,
  truncates bigint not null default 0)`,

  // This database as a target: which tables have joined, and from where on their changes count.
  `create table replicator.tables (
  source text not null,
  table_schema text not null,
  table_name text not null,
  sync text not null,
  copied_at pg_lsn not null,
  copied boolean not null,
  -- Up to where a copy, with what came along, can hold changes of the source; null without one.
  reached_lsn pg_lsn,
  -- Where this database was when a copy filled the table: what its users did to it before counts nowhere.
  filled_lsn pg_lsn,
  joined_at timestamptz not null default now(),
  -- Which tables they are, whatever their names; null until the first stream after they joined.
  source_oid oid,
  membership oid,
  target_oid oid,
  -- Another table now, or not published for a while: it must join anew.
  lost boolean not null default false,
  -- By a copy, whatever initial_copy says: a person asked for it.
  resync boolean not null default false,
  primary key (source, table_schema, table_name))`,

  // This database as a source: tables that may differ, until they were compared and are equal.
  `create table replicator.differences (
  other text not null,
  table_schema text not null,
  table_name text not null,
  only_here bigint not null default 0,
  only_there bigint not null default 0,
  differing bigint not null default 0,
  keys jsonb not null default '{}',
  -- Null: not yet. Written before they can differ, so that a restart does not forget to.
  compared_at timestamptz,
  -- Only once both have all that was on its way: what is equal before can differ by it.
  settles_first boolean not null default false,
  primary key (other, table_schema, table_name))`,

  // The versions of deleted rows, for as long as an older change of them can still arrive.
  `create table replicator.tombstones (
  relation oid not null,
  key_hash bigint not null,
  commit_time timestamptz not null,
  rank integer not null,
  primary key (relation, key_hash))`,
  'create index on replicator.tombstones (commit_time)',

  // Who had a value of a unique index last, also if it has given it up: for as long as the versions of
  // deleted rows. Without an index over times, because most of what happens here are updates of them.
  `create table replicator.claims (
  relation oid not null,
  value_hash bigint not null,
  key_hash bigint not null,
  commit_time timestamptz not null,
  rank integer not null,
  primary key (relation, value_hash)) with (fillfactor = 70)`,

  // The versions of rows that were written by a transaction of ours, where its own stamp, the newest
  // of what it holds, does not tell them. On 13 also who wrote: there the server does not keep it.
  `create table replicator.manifests (
  xid bigint not null,
  relation oid not null,
  rank integer not null,
  stamp timestamptz not null,
  key_hashes bigint[] not null default '{}',
  commit_times timestamptz[] not null default '{}',
  -- By a copy of the table: what the stamp does not tell is in copied_versions.
  copied boolean not null default false,
  primary key (xid, relation))`,
  // To try to compress hashes took longer than all else about them.
  `alter table replicator.manifests
  alter key_hashes set storage external, alter commit_times set storage external`,

  // The versions of rows that a copy wrote. One by one, as there can be as many as the table has, and each
  // look at one of them would read the arrays of all.
  `create table replicator.copied_versions (
  xid bigint not null,
  relation oid not null,
  key_hash bigint not null,
  commit_time timestamptz not null,
  rank integer not null,
  primary key (xid, relation, key_hash))`,

  // This database as a target: what was decided here between changes of several sources. With the
  // resolution error nothing was yet: a person is to say whose row stays.
  `create table replicator.conflicts (
  id bigint generated always as identity primary key,
  decided_at timestamptz not null default clock_timestamp(),
  sync text not null,
  source text not null,
  -- Which table it is, whatever its name; below, what it was called here.
  relation oid not null,
  table_schema text not null,
  table_name text not null,
  key jsonb not null,
  conflict_type text not null,
  resolution text not null,
  rule text not null,
  local_database text,
  local_commit_time timestamptz,
  remote_commit_time timestamptz not null,
  local_row jsonb,
  remote_row jsonb,
  decision text check (decision in ('local', 'remote')),
  decision_at timestamptz)`,
  'create index on replicator.conflicts (decided_at)',
  `create index on replicator.conflicts (source, remote_commit_time) where resolution = 'error'`,

  // How many there were since the set-up, also of those that are not kept.
  `create table replicator.conflict_counts (
  source text not null,
  conflict_type text not null,
  resolution text not null,
  count bigint not null,
  primary key (source, conflict_type, resolution))`,

  // The only published table of ours.
  `create table replicator.marker (
  only_row boolean primary key default true check (only_row),
  marked bigint not null default 0)`,
  'insert into replicator.marker default values',
  ...schemaFunctions,
];
