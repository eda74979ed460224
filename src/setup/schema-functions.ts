// What is asserted and looked up in the servers themselves, in schema replicator.
import { shapeOf } from '../postgres/catalog.ts';

export const schemaFunctions: readonly string[] = [
  // Asserted in the server, because the COMMIT behind it is already on its way.
  `create function replicator.refuse_progress(source text, expected pg_lsn) returns void
language plpgsql set search_path = '' as $body$
begin
  raise exception using errcode = 'RP001',
    message = pg_catalog.format('progress of %s is not at %s', source, expected);
end $body$`,

  // Likewise.
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
    raise exception using errcode = 'RP002',
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

  // An origin with an id that none had here before: the rows that one wrote which was dropped still have its id, and
  // would count as this one's. The server gives the least that is free.
  `create function replicator.create_origin(name text, functions text) returns void
language plpgsql set search_path = '' as $body$
declare
  id oid;
  taken text[] := '{}';
begin
  loop
    execute pg_catalog.format('select %screate($1)', functions) into id using name;
    exit when id > (select i.last_origin from replicator.installation i);
    execute pg_catalog.format('select %sdrop($1)', functions) using name;
    taken := taken || pg_catalog.format('%s#%s', name, id);
    execute pg_catalog.format('select %screate($1)', functions) using taken[pg_catalog.cardinality(taken)];
  end loop;
  execute pg_catalog.format('select %sdrop(t) from pg_catalog.unnest($1) t', functions) using taken;
  update replicator.installation set last_origin = id;
end $body$`,

  // The exact version of a row. Without a commit time any more it is older than everything.
  `create function replicator.version_of(
  writer xid, relation oid, key_hash bigint, out commit_time timestamptz, out rank integer)
language plpgsql stable set search_path = '' as $body$
declare
  place integer;
  entry replicator.manifests;
  kept replicator.copied_versions;
begin
  commit_time := coalesce(pg_catalog.pg_xact_commit_timestamp(writer), '-infinity');
  rank := replicator.rank_of(writer);
  select * into entry from replicator.manifests m
  where m.xid = writer::text::bigint and m.relation = version_of.relation;
  if entry.copied then
    select * into kept from replicator.copied_versions v
    where (v.xid, v.relation, v.key_hash) = (entry.xid, entry.relation, version_of.key_hash);
    commit_time := coalesce(kept.commit_time, commit_time);
    rank := coalesce(kept.rank, rank);
    return;
  end if;
  place := pg_catalog.array_position(entry.key_hashes, key_hash);
  if place is not null then
    commit_time := entry.commit_times[place];
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
  -- Some at a time, as all who apply here wait meanwhile. Their rows count as older than everything from then on.
  delete from replicator.copied_versions v using (
    select c.xid, c.relation, c.key_hash
    from replicator.manifests m join replicator.copied_versions c using (xid, relation)
    where m.copied and m.stamp < horizon limit 50000) c
  where (v.xid, v.relation, v.key_hash) = (c.xid, c.relation, c.key_hash);
  delete from replicator.manifests m
  where m.stamp < horizon and (not m.copied or (
    select true from replicator.copied_versions v
    where (v.xid, v.relation) = (m.xid, m.relation) limit 1) is null);
end $body$`,

  // A table must be as it was described. It is not immutable, but what it looks at changes only together with the
  // table, and then the server plans anew what reads or writes its rows.
  `create function replicator.is_as_described(relation oid, expected text, label text) returns boolean
language plpgsql immutable set search_path = '' as $body$
begin
  if ${shapeOf('relation')} is distinct from expected then
    raise exception using errcode = 'RP004',
      message = pg_catalog.format('table %s was altered meanwhile', label);
  end if;
  return true;
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
