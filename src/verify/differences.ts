// Tables to be compared, and what was found, kept in replicator.differences for `status` and `check` to show.
import type { TableName } from '../model/relation.ts';
import type { Session } from '../postgres/session.ts';
import type { TableDifference } from './compare-table.ts';

/** Until they have been compared nobody may take them for equal. */
export async function expectComparison(
  session: Session,
  other: string,
  tables: readonly TableName[],
  { settlesFirst }: { readonly settlesFirst: boolean },
): Promise<void> {
  await session.query(
    `insert into replicator.differences as d (other, table_schema, table_name, settles_first)
     select $1, u.schema, u.name, $4 from unnest($2::text[], $3::text[]) as u(schema, name)
     on conflict (other, table_schema, table_name) do update
     set compared_at = null, settles_first = d.settles_first or excluded.settles_first`,
    [other, tables.map(({ schema }) => schema), tables.map(({ name }) => name), settlesFirst],
  );
}

/** It is to be compared, and what is written to it until it has joined may be sent to nobody. */
export async function isYetToJoin(
  source: Session,
  target: Session,
  { schema, name }: TableName,
): Promise<boolean> {
  const expected = await source.query(
    `select from replicator.differences
     where other = $1 and table_schema = $2 and table_name = $3 and compared_at is null`,
    [target.database.name, schema, name],
  );
  if (expected.length === 0) return false;
  const joined = await target.query(
    `select from replicator.tables
     where source = $1 and table_schema = $2 and table_name = $3 and source_oid is not null`,
    [source.database.name, schema, name],
  );
  return joined.length === 0;
}

/** Stores it on the first database of the comparison. */
export async function recordDifference(
  session: Session,
  other: string,
  { table, onlyFirst, onlySecond, differing, keys }: TableDifference,
): Promise<void> {
  await session.query(
    `insert into replicator.differences
       (other, table_schema, table_name, only_here, only_there, differing, keys, compared_at)
     values ($1, $2, $3, $4, $5, $6, $7, now())
     on conflict (other, table_schema, table_name) do update
     set only_here = excluded.only_here, only_there = excluded.only_there,
         differing = excluded.differing, keys = excluded.keys, compared_at = excluded.compared_at`,
    [
      other,
      table.schema,
      table.name,
      onlyFirst,
      onlySecond,
      differing,
      JSON.stringify({
        only_here: keys.onlyFirst.map(columnsOf),
        only_there: keys.onlySecond.map(columnsOf),
        differing: keys.differing.map(columnsOf),
      }),
    ],
  );
}

/** A key is compared as the text of a JSON array; a row without one by its hash. */
function columnsOf(key: string): unknown {
  return key.startsWith('[') ? JSON.parse(key) : key;
}

/** They are equal, or not replicated any more, or the other database of the two remembers it. */
export async function forgetDifference(
  session: Session,
  other: string,
  table: TableName,
): Promise<void> {
  await session.query(
    `delete from replicator.differences
     where other = $1 and table_schema = $2 and table_name = $3`,
    [other, table.schema, table.name],
  );
}

export async function recordedTables(session: Session, other: string): Promise<TableName[]> {
  return await session.query<{ schema: string; name: string }>(
    `select table_schema as schema, table_name as name
     from replicator.differences where other = $1`,
    [other],
  );
}

/** Whether it may be compared only once both have all that was on its way. */
export async function settlesFirst(
  session: Session,
  other: string,
  { schema, name }: TableName,
): Promise<boolean> {
  const rows = await session.query(
    `select from replicator.differences
     where other = $1 and table_schema = $2 and table_name = $3 and settles_first`,
    [other, schema, name],
  );
  return rows.length > 0;
}
