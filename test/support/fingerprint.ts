// Everything that a program could leave on a server: two that are equal prove that nothing was
// changed in between.
import type { PostgresServer } from './postgres-server.ts';
import { queryText, type Row } from './text-query.ts';

const ofServer = `
  select 'database' as kind, datname as name, datacl::text as detail from pg_database
  union all select 'role', rolname, to_jsonb(r)::text from pg_roles r
  union all select 'member', roleid::regrole::text, member::regrole::text from pg_auth_members
  union all select 'set', setdatabase || '/' || setrole, setconfig::text from pg_db_role_setting
  union all select 'slot', slot_name, database || ' ' || plugin || ' ' || temporary
    from pg_replication_slots
  union all select 'origin', roname, '' from pg_replication_origin
  union all select 'connection', application_name, datname from pg_stat_activity
    where application_name like 'replicator%'
  order by 1, 2, 3`;

const ofDatabase = `
  select 'relation' as kind, c.oid::regclass::text as name,
         concat_ws(' ', c.relkind, c.relreplident, c.relowner::regrole, c.relacl,
                   c.relfilenode) as detail
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
  union all select 'schema', nspname, concat_ws(' ', nspowner::regrole, nspacl) from pg_namespace
    where nspname !~ '^pg_(toast_)?temp'
  union all select 'function', oid::regprocedure::text, proacl::text from pg_proc
    where oid >= 16384 or proname like 'pg_replication_origin%'
  union all select 'publication', pubname, to_jsonb(p)::text from pg_publication p
  union all select 'published', pubname || ' ' || tablename, schemaname from pg_publication_tables
  union all select 'written', relid::regclass::text, concat_ws('/', n_tup_ins, n_tup_upd, n_tup_del)
    from pg_stat_user_tables
  order by 1, 2, 3`;

/** The server, and the databases that are named by name or by URL. */
export async function fingerprint(
  server: PostgresServer,
  ...databases: readonly string[]
): Promise<Row[][]> {
  const server_ = await server.query('postgres', ofServer);
  const urls = databases.map((name) => (name.includes('://') ? name : server.url(name)));
  const rest = await Promise.all(urls.map((url) => queryText(url, ofDatabase)));
  return [server_, ...rest];
}
