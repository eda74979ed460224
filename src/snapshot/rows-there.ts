// What a database holds of a table before it joins, and who brought it there.
import { ReplicatorError } from '../model/errors.ts';
import { type Lsn, parseLsn } from '../model/lsn.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { quoteLiteral, quoteTable } from '../postgres/identifiers.ts';
import { schemaExists } from '../postgres/own-schema.ts';
import type { Session } from '../postgres/session.ts';

/** Rows of tables that inherit from it are not its own; those of partitions are. */
export async function isEmpty(session: Session, table: TableName): Promise<boolean> {
  const name = quoteTable(table);
  const { empty } = await session.one(
    `select (not exists (select from only ${name}) and not exists (
       select from ${name} where exists (
         select from pg_catalog.pg_partitioned_table
         where partrelid = ${quoteLiteral(name)}::regclass)))::text as empty`,
  );
  return empty === 'true';
}

/** What users did to it before a copy filled it counts nowhere: it was of rows that were never replicated. 0/0: none did. */
export async function filledSince(session: Session, table: TableName): Promise<Lsn> {
  const { lsn } = await session.one<{ lsn: string }>(
    `select coalesce(max(filled_lsn), '0/0')::text as lsn from replicator.tables
     where table_schema = $1 and table_name = $2`,
    [table.schema, table.name],
  );
  return parseLsn(lsn);
}

/** Whether the table's rows came by a copy of ours, from whichever database. */
export async function wasCopied(session: Session, table: TableName): Promise<boolean> {
  return (await joinedFrom(session, table)).some(({ copied }) => copied === 'true');
}

/** Whether a database brings its changes of the table here. */
export async function hasJoined(session: Session, table: TableName): Promise<boolean> {
  return (await joinedFrom(session, table)).length > 0;
}

async function joinedFrom(session: Session, table: TableName): Promise<{ copied: string }[]> {
  // Another source may not have been set up yet.
  if (!(await schemaExists(session))) return [];
  return await session.query<{ copied: string }>(
    `select copied::text as copied from replicator.tables
     where not lost and table_schema = $1 and table_name = $2`,
    [table.schema, table.name],
  );
}

export function notEmpty(target: Session, ...tables: TableName[]): ReplicatorError {
  const names = tables.map(tableLabel).join(', ');
  return new ReplicatorError(
    'COPY_REFUSED',
    `${target.database.name}: not empty, so the initial copy is refused: ${names}`,
    { hint: 'empty them there, or set initial_copy: if_empty or none' },
  );
}
