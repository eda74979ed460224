// Everything of a database that the relgroups name, whether or not it can be replicated.
import type { RelgroupConfig } from '../../../config/config.ts';
import { matchTables } from '../../../config/match-tables.ts';
import { type TableName, tableLabel } from '../../../model/relation.ts';
import { listTables } from '../../../postgres/catalog.ts';
import type { Session } from '../../../postgres/session.ts';
import { readJson } from './read-json.ts';

export interface RelationFacts extends TableName {
  readonly oid: string;
  /** `a table`, `a view`, `an unlogged table`, … */
  readonly kind: string;
  readonly owner: string;
  readonly ownerIsSuperuser: boolean;
  /** The role is its owner, or a member of it. */
  readonly owned: boolean;
  readonly schemaUsage: boolean;
  /** Of `select`, `insert`, `update`, `delete` and `truncate`, what the role may do. */
  readonly privileges: readonly string[];
  /** Row-level security applies to the role, so it could not see every row. */
  readonly rowSecurity: boolean;
  /** FORCE ROW LEVEL SECURITY: to its owner as well. */
  readonly rowSecurityForced: boolean;
}

/** What cannot be published. */
export type OtherRelation = Pick<RelationFacts, 'schema' | 'name' | 'kind'>;

const relationsQuery = `
  select coalesce(json_agg(json_build_object(
    'oid', c.oid::text, 'schema', n.nspname, 'name', c.relname,
    'kind', case when c.relkind = 'v' then 'a view' when c.relkind = 'm' then 'a materialized view'
                 when c.relkind = 'f' then 'a foreign table'
                 when c.relispartition then 'a partition'
                 when c.relpersistence = 'u' then 'an unlogged table'
                 when exists (select from pg_catalog.pg_depend d
                              where d.classid = 'pg_catalog.pg_class'::regclass
                                and d.objid = c.oid and d.deptype = 'e')
                 then 'a table of an extension' else 'a table' end,
    'owner', o.rolname,
    'ownerIsSuperuser', o.rolsuper,
    'owned', pg_has_role(c.relowner, 'usage'),
    'schemaUsage', has_schema_privilege(n.oid, 'usage'),
    'privileges', array(select p from unnest(array['select', 'insert', 'update', 'delete',
                                                   'truncate']) p
                        where has_table_privilege(c.oid, p)),
    'rowSecurity', row_security_active(c.oid),
    'rowSecurityForced', c.relforcerowsecurity) order by n.nspname, c.relname), '[]')::text as json
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_roles o on o.oid = c.relowner
  where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and n.nspname not in ('information_schema', 'replicator') and n.nspname !~ '^pg_'`;

export interface Relations {
  readonly publishable: readonly RelationFacts[];
  readonly others: readonly OtherRelation[];
}

export async function readRelations(
  session: Session,
  relgroups: readonly RelgroupConfig[],
): Promise<Relations> {
  const listed = new Set((await listTables(session)).map(tableLabel));
  const all = await readJson<RelationFacts[]>(session, relationsQuery);
  const named = [...new Set(relgroups.flatMap((relgroup) => matchTables(relgroup, all)))];
  return {
    publishable: named.filter((relation) => listed.has(tableLabel(relation))),
    others: named.filter((relation) => !listed.has(tableLabel(relation))),
  };
}
