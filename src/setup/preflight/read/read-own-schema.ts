// Schema `replicator` as it is on a database: may the role use it, and what does it say?
import type { TableName } from '../../../model/relation.ts';
import type { Session } from '../../../postgres/session.ts';
import { schemaVersion } from '../../schema.ts';
import { readJson } from './read-json.ts';

export interface OwnSchema {
  readonly usage: boolean;
  readonly create: boolean;
  readonly installed: boolean;
  readonly hasRelations: boolean;
  /** Tables of it that the role may not both read and write. */
  readonly deniedTables: readonly string[];
  /** Functions of it that the role may not execute. */
  readonly deniedFunctions: readonly string[];
  /** Whether the functions are there that stand for the origin functions on 13. */
  readonly originWrappers: boolean;
}

export interface OwnState {
  readonly version: number;
  /** The name in the file under which it was made. */
  readonly database: string;
  readonly systemIdentifier: string;
  readonly databaseOid: string;
  /** Undefined when another version of this program made the schema. */
  readonly content: OwnContent | undefined;
}

export interface OwnContent {
  /** `creating` or `created`, by the slot's name. */
  readonly slots: Readonly<
    Record<
      string,
      {
        readonly state: string;
        readonly publicationOid: string | null;
        /** Whose copy it is; null: the slot of all. */
        readonly target?: string | null;
      }
    >
  >;
  /** As a target: the origin's name, by source. */
  readonly origins: Readonly<Record<string, string>>;
  /** As a target: tables that have joined. */
  readonly joined: readonly (TableName & { readonly source: string; readonly copied: boolean })[];
  /** As a target: tables that miss changes. */
  readonly lost: readonly (TableName & { readonly source: string })[];
  /** As a target: tables that take the changes of one with another name. */
  readonly taken: readonly (TableName & { readonly source: string })[];
  /** Of tables that were compared. */
  readonly differences: readonly StoredDifference[];
}

export interface StoredDifference extends TableName {
  readonly other: string;
  readonly onlyHere: number;
  readonly onlyThere: number;
  readonly differing: number;
  readonly keys: unknown;
}

// Not to_regclass, which raises an error when the role may not use the schema.
const schemaQuery = `
  select coalesce((
    select json_build_object(
      'usage', has_schema_privilege(n.oid, 'usage'),
      'create', has_schema_privilege(n.oid, 'create'),
      'installed', exists (select from pg_catalog.pg_class c
                           where c.relnamespace = n.oid and c.relname = 'installation'),
      'hasRelations', exists (select from pg_catalog.pg_class c where c.relnamespace = n.oid),
      'deniedTables', (
        select coalesce(json_agg(c.relname order by c.relname), '[]') from pg_catalog.pg_class c
        where c.relnamespace = n.oid and c.relkind = 'r'
          and not (has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert')
                   and has_table_privilege(c.oid, 'update')
                   and has_table_privilege(c.oid, 'delete'))),
      'deniedFunctions', (
        select coalesce(json_agg(p.proname order by p.proname), '[]') from pg_catalog.pg_proc p
        where p.pronamespace = n.oid and not has_function_privilege(p.oid, 'execute')),
      'originWrappers', 4 = (
        select count(distinct p.proname) from pg_catalog.pg_proc p
        where p.pronamespace = n.oid
          and p.proname in ('origin_create', 'origin_drop', 'origin_session_setup',
                            'origin_xact_setup')))
    from pg_catalog.pg_namespace n where n.nspname = 'replicator'), 'null')::text as json`;

export async function readOwnSchema(session: Session): Promise<OwnSchema | undefined> {
  return (await readJson<OwnSchema | null>(session, schemaQuery)) ?? undefined;
}

const installationQuery = `
  select coalesce((select json_build_object(
    'version', i.schema_version, 'database', i.database,
    'systemIdentifier', i.system_identifier, 'databaseOid', i.database_oid::text)
  from replicator.installation i), 'null')::text as json`;

const contentQuery = `
  select json_build_object(
    'slots', (select coalesce(json_object_agg(slot_name, json_build_object(
                'state', state, 'publicationOid', publication_oid::text,
                'target', target)), '{}')
              from replicator.slots),
    'origins', (select coalesce(json_object_agg(source, origin), '{}') from replicator.progress),
    'joined', (select coalesce(json_agg(json_build_object(
                 'source', source, 'schema', table_schema, 'name', table_name,
                 'copied', copied)), '[]')
               from replicator.tables where not lost),
    'lost', (select coalesce(json_agg(json_build_object(
               'source', source, 'schema', table_schema, 'name', table_name)), '[]')
             from replicator.tables where lost),
    'taken', (select coalesce(json_agg(json_build_object(
                'source', r.source, 'schema', n.nspname, 'name', c.relname)), '[]')
              from replicator.tables r
              join pg_catalog.pg_class c on c.oid = r.target_oid
              join pg_catalog.pg_namespace n on n.oid = c.relnamespace
              where (n.nspname, c.relname) <> (r.table_schema, r.table_name)),
    'differences', (
      select coalesce(json_agg(json_build_object(
        'other', other, 'schema', table_schema, 'name', table_name, 'onlyHere', only_here,
        'onlyThere', only_there, 'differing', differing, 'keys', keys)
        order by other, table_schema, table_name), '[]')
      from replicator.differences where compared_at is not null))::text as json`;

export async function readOwnState(
  session: Session,
  schema: OwnSchema | undefined,
): Promise<OwnState | undefined> {
  if (!schema?.installed || !schema.usage || schema.deniedTables.length > 0) return undefined;
  const state = await readJson<OwnState | null>(session, installationQuery);
  if (state === null) return undefined;
  const isKnown = state.version === schemaVersion;
  return { ...state, content: isKnown ? await readJson(session, contentQuery) : undefined };
}
