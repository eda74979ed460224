// The sequences that fill columns of tables, and where each of them stands.
import type { TableName } from '../../../model/relation.ts';
import { quoteTable } from '../../../postgres/identifiers.ts';
import type { Session } from '../../../postgres/session.ts';
import { readJson } from './read-json.ts';

export interface SequenceFacts extends TableName {
  readonly column: string;
  readonly increment: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly cycles: boolean;
  /** The value that it will give next. */
  readonly next: bigint;
}

interface SequenceRow extends TableName {
  readonly tableOid: string;
  readonly column: string;
  readonly oid: string;
  readonly increment: string;
  readonly min: string;
  readonly max: string;
  readonly start: string;
  readonly cycles: boolean;
  readonly readable: boolean;
}

// An identity column owns its sequence; a default that calls nextval() depends on its sequence.
const sequencesQuery = `
  select coalesce(json_agg(json_build_object(
    'tableOid', used.relid::text, 'column', a.attname, 'oid', c.oid::text,
    'schema', n.nspname, 'name', c.relname, 'increment', s.seqincrement::text,
    'min', s.seqmin::text, 'max', s.seqmax::text, 'start', s.seqstart::text,
    'cycles', s.seqcycle,
    'readable', has_table_privilege(c.oid, 'select') and has_schema_privilege(n.oid, 'usage'))
    order by used.relid, a.attnum), '[]')::text as json
  from (
    select d.refobjid as relid, d.refobjsubid as attnum, d.objid as seqid
    from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_class'::regclass and d.deptype = 'i'
      and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = any ($1::oid[])
    union
    select ad.adrelid, ad.adnum, d.refobjid
    from pg_catalog.pg_attrdef ad
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_attrdef'::regclass
      and d.objid = ad.oid and d.refclassid = 'pg_catalog.pg_class'::regclass
    where ad.adrelid = any ($1::oid[])) used
  join pg_catalog.pg_sequence s on s.seqrelid = used.seqid
  join pg_catalog.pg_class c on c.oid = s.seqrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = used.relid and a.attnum = used.attnum`;

/** By the OID of the table. */
export async function readSequences(
  session: Session,
  tables: readonly { readonly oid: string }[],
): Promise<Map<string, SequenceFacts[]>> {
  const rows = await readJson<SequenceRow[]>(session, sequencesQuery, [
    tables.map(({ oid }) => oid),
  ]);
  const positions = await readPositions(
    session,
    rows.filter(({ readable }) => readable),
  );
  const sequences = new Map<string, SequenceFacts[]>();
  for (const row of rows) {
    const { schema, name, column, increment, min, max, cycles } = row;
    // May not be read: where it began tells at least which values it steps on.
    const next = positions.get(row.oid) ?? row.start;
    const numbers = { increment: BigInt(increment), min: BigInt(min), max: BigInt(max) };
    const sequence = { schema, name, column, ...numbers, cycles, next: BigInt(next) };
    sequences.set(row.tableOid, [...(sequences.get(row.tableOid) ?? []), sequence]);
  }
  return sequences;
}

/** The parser gives up on too many UNIONs in one statement. */
const mostAtOnce = 200;

// A sequence's position is in its own row and nowhere else.
async function readPositions(
  session: Session,
  sequences: readonly SequenceRow[],
): Promise<Map<string, string>> {
  const positions = new Map<string, string>();
  for (let i = 0; i < sequences.length; i += mostAtOnce) {
    const selects = sequences.slice(i, i + mostAtOnce).map(
      (sequence) => `
        select '${sequence.oid}' as oid,
          (last_value + case when is_called then ${sequence.increment} else 0 end)::text as next
        from ${quoteTable(sequence)}`,
    );
    const rows = await session.query<{ oid: string; next: string }>(selects.join(' union all '));
    for (const { oid, next } of rows) positions.set(oid, next);
  }
  return positions;
}
