// Tables and their columns as the catalogs of one database describe them.
import type { ReplicaIdentity, TableName } from '../model/relation.ts';
import type { Session } from './session.ts';

export interface CatalogColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
  /**
   * The type without length or precision, ready to be used in a cast: `bpchar`, not `character`,
   * which as SQL means character(1) and would cut the value. Of a domain its base type, because a
   * cast to the domain cuts as well, while the assignment refuses. Where a function casts text to the
   * type and takes less than its input does (regclass: no `-`), by way of bpchar, which has no such.
   */
  readonly castType: string;
  /** The type as DDL would name it, with its modifier: `numeric(10,2)`. */
  readonly declaredType: string;
  /**
   * SQL of its type's equality, as a btree index means it, between the column and a value of castType;
   * schema-qualified; null where there is none.
   */
  readonly equals: string | null;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  readonly generated: boolean;
  readonly identity: 'always' | 'by default' | null;
}

export interface CatalogKey {
  readonly indexName: string;
  readonly primary: boolean;
  /** Deferrable indexes cannot be the arbiter of ON CONFLICT. */
  readonly immediate: boolean;
  readonly replicaIdentity: boolean;
  readonly columns: readonly string[];
  /** Likewise of each column, as that index means it. */
  readonly operators: readonly string[];
  /**
   * A 64-bit hash that agrees with that equality, schema-qualified, and gives the same number on every
   * database; null where SQL can call none. Of those types where `check` lets that pass, equal values
   * have equal texts.
   */
  readonly hashes: readonly (string | null)[];
  /** The index's collation where it takes different strings for equal or is not its column's, else null. */
  readonly collations: readonly (string | null)[];
}

export interface CatalogUnique extends CatalogKey {
  /**
   * A bigint of its own for each set of columns, whatever its index is called or rebuilt as. Of their
   * names, as these are all that databases have in common: a dropped column shifts attnums.
   */
  readonly seed: string;
  /** All of its columns are NOT NULL, so it finds every row. */
  readonly notNull: boolean;
  /** Two rows may not both have NULL there. */
  readonly nullsNotDistinct: boolean;
}

export interface CatalogTable extends TableName {
  readonly oid: string;
  /** A digest of what a stream's values depend on; see shapeOf(). */
  readonly shape: string;
  readonly partitioned: boolean;
  readonly replicaIdentity: ReplicaIdentity;
  /** Without dropped ones, in table order. */
  readonly columns: readonly CatalogColumn[];
  /** Valid, complete (not partial, no expressions) unique indexes over NOT NULL columns. */
  readonly keys: readonly CatalogKey[];
  /** Those, and such over columns that may be NULL. */
  readonly uniques: readonly CatalogUnique[];
}

const relationsQuery = `
  select n.nspname as schema, c.relname as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and c.relpersistence = 'p'
    and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'replicator')
    and n.nspname !~ '^pg_(toast_)?temp_'
    and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid
                      and d.deptype = 'e')
    and not c.relispartition
  order by 1, 2`;

/**
 * Every ordinary and partitioned table that can be published, by name. Partitions are not listed:
 * their changes are published as their root's. Tables of extensions belong to the extension.
 */
export async function listTables(session: Session): Promise<TableName[]> {
  const rows = await session.query<{ schema: string; name: string }>(relationsQuery);
  return rows;
}

/**
 * SQL for a table's name and columns as one text that changes when one of them does. Function is_as_described in schema
 * replicator has it too: another text of it is another version of the schema.
 */
export function shapeOf(oid: string): string {
  return (
    '(select pg_catalog.md5(pg_catalog.concat_ws(chr(10), described.relnamespace, described.relname, described.relkind, described.relreplident, ' +
    '(select pg_catalog.string_agg(pg_catalog.concat_ws(chr(9), a.attname, a.atttypid, ' +
    'a.atttypmod, a.attidentity, a.attgenerated), chr(10) order by a.attnum) ' +
    'from pg_catalog.pg_attribute a ' +
    'where a.attrelid = described.oid and a.attnum > 0 and not a.attisdropped), ' +
    // whose values are claimed, and by which rows are named, where several databases write
    "(select pg_catalog.string_agg(i.indexrelid || ' ' || i.indisreplident, ',' order by i.indexrelid) " +
    'from pg_catalog.pg_index i ' +
    'where i.indrelid = described.oid and i.indisunique and i.indisvalid and not i.indisprimary))) ' +
    `from pg_catalog.pg_class described where described.oid = ${oid})`
  );
}

/** SQL of the types whose values those of a pg_type `t` hold: of a domain, an array, a range. */
export const heldTypes = `
  select t.typbasetype where t.typtype = 'd'
  union all select t.typelem where t.typelem <> 0 and t.typlen = -1
  union all select g.rngsubtype from pg_catalog.pg_range g
    -- multiranges are known since 14
    where t.typtype in ('r', 'm') and t.oid in (g.rngtypid, (to_jsonb(g) ->> 'rngmultitypid')::oid)`;

/**
 * SQL, whether the values of a pg_type `t` are oids, which each database gives by itself, and their
 * texts names: of enums (hashenumextended), and of regclass and its like (hashoidextended).
 */
export const isNamedOid = `(t.typtype = 'e'
  or t.typnamespace = 'pg_catalog'::regnamespace and t.typname like 'reg%')`;

/** For a WITH clause: those types, and which hold them. Once for all tables, as it takes its time. */
const namedOids = `named_oids(type) as (
  select t.oid from pg_catalog.pg_type t where ${isNamedOid}
  union
  select t.oid from pg_catalog.pg_type t
  cross join lateral (${heldTypes}) as held(type)
  join named_oids n on n.type = held.type)`;

/**
 * Up to 17 they borrow the hash of another type, which SQL cannot call for them; since 18 each has one of
 * its own (pg_amproc.dat), whose number is not that of the text.
 */
const hashedAsText = ['bool', 'bytea', 'date', 'timestamptz', 'xid8']
  .map((type) => `'${type}'::regtype`)
  .join(', ');

// One row per table; columns and keys as JSON, so that one round trip answers for any number.
const tablesQuery = `
  with recursive ${namedOids}
  select c.oid::text as oid, n.nspname as schema, c.relname as name,
         (c.relkind = 'p')::text as partitioned, c.relreplident as replica_identity,
         ${shapeOf('c.oid')} as shape,
    (select coalesce(json_agg(json_build_object(
       'name', a.attname,
       'typeOid', a.atttypid::bigint,
       'typeModifier', a.atttypmod,
       'castType', case when exists (
           select from pg_catalog.pg_cast made
           where made.castsource = 'text'::regtype and made.casttarget = base.oid
             and made.castmethod = 'f'
             and made.casttarget not in ('"char"'::regtype, 'name'::regtype, 'xml'::regtype))
         then 'bpchar::' else '' end || pg_catalog.format_type(base.oid, -1),
       'enumDomain', base.kind = 'e' and base.oid <> a.atttypid,
       'declaredType', pg_catalog.format_type(a.atttypid, a.atttypmod),
       'equals', (
         select pg_catalog.format('operator(%I.%s)', opn.nspname, op.oprname)
         from pg_catalog.pg_opclass oc
         join pg_catalog.pg_am am on am.oid = oc.opcmethod and am.amname = 'btree'
         join pg_catalog.pg_amop amop on amop.amopfamily = oc.opcfamily and amop.amopstrategy = 3
           and amop.amoplefttype = oc.opcintype and amop.amoprighttype = oc.opcintype
         join pg_catalog.pg_operator op on op.oid = amop.amopopr
         join pg_catalog.pg_namespace opn on opn.oid = op.oprnamespace
         where oc.opcdefault and oc.opcintype = case when base.kind = 'e' then 'anyenum'::regtype
           when base.oid = 'varchar'::regtype then 'text'::regtype else base.oid end),
       'notNull', a.attnotnull,
       'hasDefault', a.atthasdef,
       'generated', a.attgenerated <> '',
       'identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end)
       order by a.attnum), '[]')
     from pg_catalog.pg_attribute a
     cross join lateral (
       with recursive chain(oid, kind, next) as (
         select oid, typtype, typbasetype from pg_catalog.pg_type where oid = a.atttypid
         union all
         select t.oid, t.typtype, t.typbasetype from chain
         join pg_catalog.pg_type t on chain.kind = 'd' and t.oid = chain.next)
       select oid, kind from chain where kind <> 'd') base
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select coalesce(json_agg(k.key order by k.primary desc, k.name), '[]') from (
       select i.indisprimary as primary, ic.relname as name, json_build_object(
         'indexName', ic.relname,
         'seed', pg_catalog.hashtextextended(json_agg(a.attname order by a.attname)::text, 0)::text,
         'notNull', bool_and(a.attnotnull),
         -- known since 15
         'nullsNotDistinct',
           bool_or(coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false)),
         'primary', i.indisprimary,
         'immediate', i.indimmediate,
         'replicaIdentity', i.indisreplident,
         'columns', json_agg(a.attname order by part.position),
         'operators', json_agg(pg_catalog.format('operator(%I.%s)', opn.nspname, op.oprname)
                               order by part.position),
         'hashes', json_agg(case when a.atttypid not in (select type from named_oids) then (
           select pg_catalog.format('%I.%I', hn.nspname, hp.proname)
           from pg_catalog.pg_amop ham
           join pg_catalog.pg_am m on m.oid = ham.amopmethod and m.amname = 'hash'
           join pg_catalog.pg_amproc hap on hap.amprocfamily = ham.amopfamily
             and hap.amproclefttype = ham.amoplefttype and hap.amprocrighttype = ham.amoprighttype
             and hap.amprocnum = 2
           join pg_catalog.pg_proc hp on hp.oid = hap.amproc
             -- a borrowed one cannot be called
             and hp.proargtypes[0] = ham.amoplefttype
           join pg_catalog.pg_namespace hn on hn.oid = hp.pronamespace
           where ham.amopopr = op.oid and ham.amoplefttype not in (${hashedAsText})
           limit 1) end order by part.position),
         'collations', json_agg((
           select pg_catalog.format('%I.%I', cn.nspname, co.collname)
           from pg_catalog.pg_collation co
           join pg_catalog.pg_namespace cn on cn.oid = co.collnamespace
           where co.oid = part.collated
             and (not co.collisdeterministic or part.collated <> a.attcollation))
           order by part.position)) as key
       from pg_catalog.pg_index i
       join pg_catalog.pg_class ic on ic.oid = i.indexrelid
       cross join lateral unnest(i.indkey[0:i.indnkeyatts - 1], i.indclass[0:i.indnkeyatts - 1],
                                 i.indcollation[0:i.indnkeyatts - 1])
         with ordinality as part(attnum, opclass, collated, position)
       join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = part.attnum
       join pg_catalog.pg_opclass oc on oc.oid = part.opclass
       join pg_catalog.pg_amop am on am.amopfamily = oc.opcfamily and am.amopstrategy = 3
         and am.amoplefttype = oc.opcintype and am.amoprighttype = oc.opcintype
       join pg_catalog.pg_operator op on op.oid = am.amopopr
       join pg_catalog.pg_namespace opn on opn.oid = op.oprnamespace
       where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null
         and i.indexprs is null
       group by i.indexrelid, i.indisprimary, i.indimmediate, i.indisreplident, ic.relname,
                i.indnkeyatts
       having count(*) = i.indnkeyatts) k) as uniques
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join unnest($1::text[], $2::text[]) as wanted(schema, name)
    on wanted.schema = n.nspname and wanted.name = c.relname
  where c.relkind in ('r', 'p') and (wanted.name is not null or c.oid = any($3::oid[]))
  order by 2, 3`;

const identities: Readonly<Record<string, ReplicaIdentity>> = {
  d: 'default',
  n: 'nothing',
  f: 'full',
  i: 'index',
};

/** Describes tables given by name or by oid; those that do not exist are absent from the result. */
export async function describeTables(
  session: Session,
  tables: readonly TableName[],
  oids: readonly string[] = [],
): Promise<CatalogTable[]> {
  const rows = await session.query<{
    oid: string;
    schema: string;
    name: string;
    partitioned: string;
    replica_identity: string;
    shape: string;
    columns: string;
    uniques: string;
  }>(tablesQuery, [tables.map((table) => table.schema), tables.map((table) => table.name), oids]);
  return rows.map((row) => {
    const described = JSON.parse(row.columns) as (CatalogColumn & { enumDomain: boolean })[];
    // A domain over an enum is no enum to the operators of enums, unless it is told to be.
    const equality = (name: string, operator: string) => {
      const column = described.find((each) => each.name === name);
      return column?.enumDomain ? `::${column.castType} ${operator}` : operator;
    };
    const uniques = (JSON.parse(row.uniques) as CatalogUnique[]).map((unique) => ({
      ...unique,
      operators: unique.columns.map((name, i) => equality(name, unique.operators[i] ?? '')),
    }));
    return {
      oid: row.oid,
      schema: row.schema,
      name: row.name,
      shape: row.shape,
      partitioned: row.partitioned === 'true',
      replicaIdentity: identities[row.replica_identity] ?? 'nothing',
      columns: described.map(({ enumDomain: _, equals, ...column }) => ({
        ...column,
        equals: equals === null ? null : equality(column.name, equals),
      })),
      keys: uniques.filter(({ notNull }) => notNull),
      uniques,
    };
  });
}
