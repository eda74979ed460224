// Schema `replicator`: everything that we keep on a database. Small, versioned, and the only place
// where state lives, so that a process, a host or a container can be thrown away.

/** Raised with every change of the statements below; a newer one on a server is refused. */
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
  publication_oid oid,
  consistent_lsn pg_lsn,
  created_at timestamptz not null default now())`,

  // This database as a source: what the daemon last said of each of its targets.
  `create table replicator.subscriptions (
  target text primary key,
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

  // Rows that differed when this database, not empty, became a source with initial_copy none.
  `create table replicator.differences (
  other text not null,
  table_schema text not null,
  table_name text not null,
  only_here bigint not null,
  only_there bigint not null,
  differing bigint not null,
  keys jsonb not null,
  compared_at timestamptz not null default now(),
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
  ranks integer[],
  primary key (xid, relation))`,
  // To try to compress hashes took longer than all else about them.
  `alter table replicator.manifests
  alter key_hashes set storage external, alter commit_times set storage external`,

  // This database as a target: what was decided here between changes of several sources. With the
  // resolution error nothing was yet: a person is to say whose row stays.
  `create table replicator.conflicts (
  id bigint generated always as identity primary key,
  decided_at timestamptz not null default clock_timestamp(),
  sync text not null,
  source text not null,
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

  // Compare and swap: replaying a batch, or a second replicator, fails here before it can commit.
  `create function replicator.advance(
  source text, expected pg_lsn, next pg_lsn, epoch bigint, commit_time timestamptz,
  seen_time timestamptz, inserts bigint, updates bigint, deletes bigint, truncates bigint) returns void
language plpgsql set search_path = '' as $body$
begin
  update replicator.progress as p
  set lsn = advance.next, commit_time = coalesce(advance.commit_time, p.commit_time),
      seen_time = greatest(p.seen_time, advance.commit_time, advance.seen_time),
      applied_at = pg_catalog.clock_timestamp(),
      inserts = p.inserts + advance.inserts, updates = p.updates + advance.updates,
      deletes = p.deletes + advance.deletes, truncates = p.truncates + advance.truncates
  where p.source = advance.source and p.lsn = advance.expected and p.epoch = advance.epoch;
  if not found then
    raise exception using errcode = 'RP001',
      message = pg_catalog.format('progress of %s is not at %s', advance.source, advance.expected);
  end if;
end $body$`,

  // Asserted in the server, because the COMMIT behind it is already on its way.
  `create function replicator.expect_rows(touched bigint, expected bigint) returns void
language plpgsql set search_path = '' as $body$
begin
  if touched <> expected then
    raise exception using errcode = 'RP003',
      message = pg_catalog.format('%s of %s rows were found', touched, expected);
  end if;
end $body$`,

  // Asserted before a batch is written as sets. It is no violation yet, but would become one, or must
  // be remembered as if it had.
  `create function replicator.expect_unclaimed(clashes bigint) returns void
language plpgsql set search_path = '' as $body$
begin
  if clashes > 0 then
    raise exception using errcode = 'unique_violation',
      message = pg_catalog.format('%s unique values belong to other rows', clashes);
  end if;
end $body$`,

  // All who apply here do so one after the other, where several databases write. Whoever holds the lock
  // is one of us, and ends: lock_timeout is for users' locks, and would let a long batch starve others.
  `create function replicator.contend() returns void
language sql set lock_timeout = '0' set search_path = ''
as $body$ select pg_catalog.pg_advisory_xact_lock(x'7265706c'::int, 0) $body$`,

  // A change becomes visible here only when the clock is past its commit time, so that whoever sees
  // it and changes the row again does so with a greater one.
  `create function replicator.await_clock(commit_time timestamptz) returns void
language plpgsql set search_path = '' as $body$
declare
  early interval := commit_time - pg_catalog.clock_timestamp();
begin
  if early < interval '0' then return; end if;
  if early > interval '5 s' then
    raise exception using errcode = 'RP005',
      message = pg_catalog.format('a commit lies %s in the future of the clock here', early);
  end if;
  perform pg_catalog.pg_sleep(extract(epoch from early) + 0.001);
end $body$`,

  // Which database wrote what a transaction id stands for, as its rank.
  `create function replicator.rank_of(writer xid) returns integer
language plpgsql stable set search_path = '' as $body$
declare
  found_rank integer;
begin
  if pg_catalog.current_setting('server_version_num')::int >= 140000 then
    select r.rank into found_rank
    from pg_catalog.pg_xact_commit_timestamp_origin(writer) c
    join pg_catalog.pg_replication_origin o on o.roident = c.roident
    join replicator.progress p on p.origin = o.roname
    join replicator.ranks r on r.database = p.source;
  else
    select m.rank into found_rank from replicator.manifests m
    where m.xid = writer::text::bigint limit 1;
  end if;
  return coalesce(found_rank, (select r.rank from replicator.ranks r
    join replicator.installation i on i.database = r.database));
end $body$`,

  // The exact version of a row. Without a commit time any more it is older than everything.
  `create function replicator.version_of(
  writer xid, relation oid, key_hash bigint, out commit_time timestamptz, out rank integer)
language plpgsql stable set search_path = '' as $body$
declare
  place integer;
  entry replicator.manifests;
begin
  commit_time := coalesce(pg_catalog.pg_xact_commit_timestamp(writer), '-infinity');
  rank := replicator.rank_of(writer);
  select * into entry from replicator.manifests m
  where m.xid = writer::text::bigint and m.relation = version_of.relation;
  place := pg_catalog.array_position(entry.key_hashes, key_hash);
  if place is not null then
    commit_time := entry.commit_times[place];
    rank := coalesce(entry.ranks[place], rank);
  end if;
end $body$`,

  // A commit is in the stream a moment before others can see it; with synchronous standbys a long one.
  `create function replicator.await_visible(xids bigint[]) returns void
language plpgsql set search_path = '' as $body$
declare
  running pg_catalog.txid_snapshot;
  newest bigint;
begin
  for attempt in 1..1000 loop
    running := pg_catalog.txid_current_snapshot();
    newest := pg_catalog.txid_snapshot_xmax(running);
    -- the stream names the low 32 bits of an id: of those that have them, the nearest is meant
    perform from (
      select newest - ((newest - given) & 4294967295) as before,
             newest + ((given - newest) & 4294967295) as after
      from unnest(xids) given) near
    where not pg_catalog.txid_visible_in_snapshot(
      case when after - newest < newest - before then after else before end, running);
    if not found then return; end if;
    perform pg_catalog.pg_sleep(0.001);
  end loop;
  raise exception using errcode = 'RP006',
    message = 'transactions of the stream are not visible yet';
end $body$`,

  // What no change that still comes can be older than is forgotten. A manifest goes by its stamp,
  // which is what a row of it counts as from then on.
  `create function replicator.forget(sources text[], margin interval) returns void
language plpgsql set search_path = '' as $body$
declare
  horizon timestamptz;
begin
  select case when pg_catalog.count(p.seen_time) = pg_catalog.cardinality(sources)
              then pg_catalog.min(p.seen_time) - margin end
  into horizon from replicator.progress p where p.source = any (sources);
  delete from replicator.tombstones t where t.commit_time < horizon;
  delete from replicator.claims c where c.commit_time < horizon;
  delete from replicator.manifests m where m.stamp < horizon;
end $body$`,
  // The same for the tables that were written to: each must be as it was described.
  `create function replicator.expect_shape(label text, expected text, actual text) returns void
language plpgsql set search_path = '' as $body$
begin
  if actual is distinct from expected then
    raise exception using errcode = 'RP004',
      message = pg_catalog.format('table %s was altered meanwhile', label);
  end if;
end $body$`,
];

/**
 * PostgreSQL 13 reserves the origin functions for superusers whatever is granted, so there init,
 * run once by a superuser, makes these stand for them.
 */
export const originWrapperStatements: readonly string[] = [
  `create or replace function replicator.origin_session_setup(name text) returns void
language sql security definer set search_path = ''
as $body$ select pg_catalog.pg_replication_origin_session_setup(name) $body$`,
  `create or replace function replicator.origin_xact_setup(lsn pg_lsn, at timestamptz) returns void
language sql security definer set search_path = ''
as $body$ select pg_catalog.pg_replication_origin_xact_setup(lsn, at) $body$`,
  `create or replace function replicator.origin_create(name text) returns oid
language sql security definer set search_path = ''
as $body$ select pg_catalog.pg_replication_origin_create(name) $body$`,
  `create or replace function replicator.origin_drop(name text) returns void
language sql security definer set search_path = ''
as $body$ select pg_catalog.pg_replication_origin_drop(name) $body$`,
  `revoke all on function replicator.origin_session_setup(text),
  replicator.origin_xact_setup(pg_lsn, timestamptz), replicator.origin_create(text),
  replicator.origin_drop(text) from public`,
];
