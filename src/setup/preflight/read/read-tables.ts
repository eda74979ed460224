// The tables that can be published: columns and keys as everywhere else, and what only the checks
// want to know of them.
import { type TableName, tableLabel } from '../../../model/relation.ts';
import {
  type CatalogTable,
  describeTables,
  heldTypes,
  isNamedOid,
} from '../../../postgres/catalog.ts';
import type { Session } from '../../../postgres/session.ts';
import { readJson } from './read-json.ts';
import type { RelationFacts } from './read-relations.ts';
import { readSequences, type SequenceFacts } from './read-sequences.ts';

export interface TableFacts extends RelationFacts, CatalogTable {
  /** Rows were updated or deleted since the server's statistics began. */
  readonly changed: boolean;
  /** Triggers and rules that fire also for a replica. */
  readonly firing: readonly FiringObject[];
  readonly rules: readonly TableRule[];
  /** Labels of tables that have a foreign key to it, its own perhaps among them. */
  readonly referencedBy: readonly string[];
  /** Labels of sequences that RESTART IDENTITY would restart, and the role does not own. */
  readonly foreignSequences: readonly string[];
  /** Labels of partitions whose rows an UPDATE or DELETE could not name. */
  readonly keylessPartitions: readonly string[];
  /** Partitions whose replica identity lacks columns of the table's. */
  readonly otherPartitions: readonly TableName[];
  /** Every unique index and exclusion constraint, also partial ones and such over expressions. */
  readonly uniqueIndexes: readonly UniqueIndex[];
  /**
   * Of unique indexes, of types where an equal value can have another text and SQL can call no hash, or that
   * hold a type without one.
   */
  readonly unhashableColumns: readonly string[];
  readonly sequences: readonly SequenceFacts[];
}

/** On the table, or on a partition of it. */
export interface FiringObject extends TableName {
  readonly kind: 'trigger' | 'rule';
  readonly title: string;
  readonly when: 'always' | 'replica';
}

/** On the table itself. */
export interface TableRule {
  readonly name: string;
  readonly event: 'insert' | 'update' | 'delete';
  /** Also for a replica. */
  readonly fires: boolean;
}

export interface UniqueIndex {
  readonly name: string;
  /** Complete: not partial, over no expressions or generated columns, no exclusion constraint. */
  readonly plain: boolean;
  /** Those that it is over, without expressions. */
  readonly columns: readonly string[];
  /** `btree (a, b) WHERE c`: the same for equal indexes of other databases. */
  readonly definition: string;
  /** May be checked at COMMIT, by a trigger. */
  readonly deferrable: boolean;
}

type TableDetails = Pick<
  TableFacts,
  'changed' | 'firing' | 'rules' | 'otherPartitions' | 'uniqueIndexes' | 'unhashableColumns'
> & {
  readonly keylessPartitions: readonly TableName[];
  readonly referencedBy: readonly TableName[];
  readonly foreignSequences: readonly TableName[];
};

/**
 * SQL, whether an array, range or composite type holds a type without a hash: PostgreSQL finds that out only
 * when it hashes a value (lookup_type_cache). What is borrowed (varchar of text) it finds by such a cast.
 * Nor may users' own ones hold what key-hash.ts tells apart only where it is not hidden in another type, nor
 * composite ones an enum: its oid would be hashed, and their texts can differ where they are equal.
 */
const holdsUnhashable = (type: string): string => `exists (
  with recursive part(type, inside, hidden, composed) as (
    select ${type}, false, false, false
    union
    select held.type, part.inside or t.typtype <> 'd',
           part.hidden or t.typtype = 'c'
             or t.typtype in ('r', 'm') and t.typnamespace <> 'pg_catalog'::regnamespace,
           part.composed or t.typtype = 'c'
    from part join pg_catalog.pg_type t on t.oid = part.type
    cross join lateral (${heldTypes}
      union all select f.atttypid from pg_catalog.pg_attribute f
        where t.typtype = 'c' and f.attrelid = t.typrelid and f.attnum > 0 and not f.attisdropped
    ) as held(type))
  select from part join pg_catalog.pg_type t on t.oid = part.type
  where part.hidden and (t.oid in ('numeric'::regtype, 'jsonb'::regtype)
                         or t.typelem <> 0 and t.typlen = -1)
  or part.composed and ${isNamedOid}
  or part.inside and (
    -- a domain over a range is not seen to be one (cache_range_element_properties)
    exists (select from pg_catalog.pg_type base
            where base.oid = t.typbasetype and base.typtype in ('r', 'm'))
    or t.typtype in ('b', 'e', 'c') and not (t.typelem <> 0 and t.typlen = -1)
    and not exists (
      select from pg_catalog.pg_opclass oc
      join pg_catalog.pg_am m on m.oid = oc.opcmethod and m.amname = 'hash'
      join pg_catalog.pg_amproc f on f.amprocfamily = oc.opcfamily and f.amprocnum = 2
        and f.amproclefttype = oc.opcintype
      where oc.opcdefault and (
        oc.opcintype in (t.oid, case t.typtype when 'e' then 'anyenum'::regtype
                                               when 'c' then 'record'::regtype end)
        or exists (select from pg_catalog.pg_cast c where c.castsource = t.oid
                     and c.casttarget = oc.opcintype and c.castmethod = 'b')))))`;

// Statistics and replica identities belong to the partitions, so each table comes with its family.
// Triggers of partitions that stem from the root's have a parent; the root's stands for them.
// Each table is looked up by catalog indexes, so that thousands take no more than their share. There is
// none for those who reference a table: they are joined, for all tables at once.
const detailsQuery = `
  with roots as materialized (
    select wanted.oid, array(select wanted.oid union select p.relid::oid
                             from pg_partition_tree(wanted.oid) p) as family
    from unnest($1::oid[]) as wanted(oid)),
  referenced as materialized (
    select r.oid, json_agg(distinct jsonb_build_object('schema', n.nspname, 'name', c.relname)) as by
    from roots r
    cross join unnest(r.family) as f(oid)
    join pg_catalog.pg_constraint x on x.confrelid = f.oid and x.contype = 'f'
    join pg_catalog.pg_class c on c.oid = coalesce(pg_partition_root(x.conrelid), x.conrelid)
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    group by r.oid)
  select coalesce(json_object_agg(r.oid, json_build_object(
    'changed', (
      select sum(pg_stat_get_tuples_updated(f.oid) + pg_stat_get_tuples_deleted(f.oid)) > 0
      from unnest(r.family) as f(oid)),
    'firing', (
      select coalesce(json_agg(json_build_object(
        'schema', n.nspname, 'name', c.relname, 'kind', x.kind, 'title', x.title,
        'when', case x.enabled when 'A' then 'always' else 'replica' end)
        order by n.nspname, c.relname, x.kind, x.title), '[]')
      from unnest(r.family) as f(oid)
      join pg_catalog.pg_class c on c.oid = f.oid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      cross join lateral (
        select 'trigger' as kind, t.tgname as title, t.tgenabled as enabled
        from pg_catalog.pg_trigger t
        where t.tgrelid = f.oid and not t.tgisinternal and t.tgparentid = 0
        union all
        select 'rule', w.rulename, w.ev_enabled
        from pg_catalog.pg_rewrite w where w.ev_class = f.oid) x
      where x.enabled in ('A', 'R')),
    'rules', (
      select coalesce(json_agg(json_build_object('name', w.rulename,
        'event', case w.ev_type when '2' then 'update' when '3' then 'insert' else 'delete' end,
        'fires', w.ev_enabled in ('A', 'R')) order by w.rulename), '[]')
      from pg_catalog.pg_rewrite w where w.ev_class = r.oid),
    'referencedBy', coalesce(referenced.by, '[]'),
    'foreignSequences', (
      select coalesce(json_agg(json_build_object('schema', n.nspname, 'name', c.relname)
                               order by n.nspname, c.relname), '[]')
      from unnest(r.family) as f(oid)
      join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::regclass
        and d.refobjid = f.oid and d.classid = d.refclassid and d.deptype in ('a', 'i')
      join pg_catalog.pg_class c on c.oid = d.objid and c.relkind = 'S'
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where not pg_has_role(c.relowner, 'usage')),
    'keylessPartitions', (
      select coalesce(json_agg(json_build_object('schema', n.nspname, 'name', c.relname)
                               order by n.nspname, c.relname), '[]')
      from unnest(r.family) as f(oid)
      join pg_catalog.pg_class c on c.oid = f.oid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where f.oid <> r.oid and c.relkind = 'r' and c.relreplident <> 'f'
        and not exists (
          select from pg_catalog.pg_index i
          where i.indrelid = c.oid and i.indisvalid and i.indimmediate
            and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident
                else false end)),
    -- What they send as the old row need not hold the columns that the root's identity is told to have.
    'otherPartitions', (
      select coalesce(json_agg(json_build_object('schema', n.nspname, 'name', c.relname)
                               order by n.nspname, c.relname), '[]')
      from pg_catalog.pg_class root
      left join pg_catalog.pg_index k on k.indrelid = root.oid and k.indimmediate
        and case root.relreplident when 'd' then k.indisprimary when 'i' then k.indisreplident end
      cross join unnest(r.family) as f(oid)
      join pg_catalog.pg_class c on c.oid = f.oid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisvalid and i.indimmediate
        and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident end
      where root.oid = r.oid and f.oid <> r.oid and c.relkind = 'r'
        and (root.relreplident = 'f' or exists (
          select from pg_catalog.pg_attribute a
          where a.attrelid = root.oid and a.attnum = any (k.indkey[0:k.indnkeyatts - 1])
          and not exists (
            select from pg_catalog.pg_attribute b
            where b.attrelid = c.oid and b.attname = a.attname
              and b.attnum = any (i.indkey[0:i.indnkeyatts - 1]))))),
    'uniqueIndexes', (
      select coalesce(json_agg(json_build_object('name', c.relname,
        'plain', i.indpred is null and i.indexprs is null and not i.indisexclusion
          and not exists (select from pg_catalog.pg_attribute g
                          where g.attrelid = r.oid and g.attnum = any (i.indkey) and g.attgenerated <> ''),
        'columns', (select coalesce(json_agg(a.attname order by a.attname), '[]')
                    from pg_catalog.pg_attribute a
                    where a.attrelid = r.oid and a.attnum = any (i.indkey[0:i.indnkeyatts - 1])),
        'deferrable', not i.indimmediate, 'definition', coalesce(
          pg_get_constraintdef(x.oid),
          regexp_replace(pg_get_indexdef(c.oid), '^CREATE UNIQUE INDEX .* USING ', '')))
        order by c.relname), '[]')
      from pg_catalog.pg_index i
      join pg_catalog.pg_class c on c.oid = i.indexrelid
      left join pg_catalog.pg_constraint x
        on x.conrelid = r.oid and x.conindid = c.oid and x.contype = 'x'
      where i.indrelid = r.oid and i.indisvalid and (i.indisunique or i.indisexclusion)),
    'unhashableColumns', (
      select coalesce(json_agg(distinct a.attname), '[]')
      from pg_catalog.pg_index i
      cross join lateral unnest(i.indkey[0:i.indnkeyatts - 1], i.indclass[0:i.indnkeyatts - 1])
        as part(attnum, opclass)
      join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum = part.attnum
      join pg_catalog.pg_opclass oc on oc.oid = part.opclass
      join pg_catalog.pg_type t on t.oid = oc.opcintype
      join pg_catalog.pg_amop am on am.amopfamily = oc.opcfamily and am.amopstrategy = 3
        and am.amoplefttype = oc.opcintype and am.amoprighttype = oc.opcintype
      where i.indrelid = r.oid and i.indisvalid and i.indisunique and (
        -- of the server's own types the texts of equal values are equal, or there is a hash
        (t.typnamespace <> 'pg_catalog'::regnamespace or t.oid = 'record'::regtype)
        and not exists (
          select from pg_catalog.pg_amop h
          join pg_catalog.pg_am m on m.oid = h.amopmethod and m.amname = 'hash'
          join pg_catalog.pg_amproc f on f.amprocfamily = h.amopfamily and f.amprocnum = 2
            and f.amproclefttype = h.amoplefttype and f.amprocrighttype = h.amoprighttype
          join pg_catalog.pg_proc p on p.oid = f.amproc and p.proargtypes[0] = h.amoplefttype
          where h.amopopr = am.amopopr)
        or ${holdsUnhashable('a.atttypid')})))), '{}'
  )::text as json
  from roots r left join referenced on referenced.oid = r.oid`;

export async function readTables(
  session: Session,
  relations: readonly RelationFacts[],
): Promise<Map<string, TableFacts>> {
  const details = await readJson<Record<string, TableDetails>>(session, detailsQuery, [
    relations.map(({ oid }) => oid),
  ]);
  const described = new Map(
    (await describeTables(session, relations)).map((table) => [table.oid, table]),
  );
  const sequences = await readSequences(session, relations);
  const tables = new Map<string, TableFacts>();
  for (const relation of relations) {
    const { oid } = relation;
    const catalog = described.get(oid);
    const found = details[oid];
    // Dropped while we were reading.
    if (catalog === undefined || found === undefined) continue;
    tables.set(tableLabel(relation), {
      ...relation,
      ...catalog,
      ...found,
      keylessPartitions: found.keylessPartitions.map(tableLabel),
      referencedBy: found.referencedBy.map(tableLabel).sort(),
      foreignSequences: found.foreignSequences.map(tableLabel),
      sequences: sequences.get(oid) ?? [],
    });
  }
  return tables;
}
