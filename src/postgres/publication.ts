// What a publication of a database names.
import type { TableName } from '../model/relation.ts';
import { quoteLiteral } from './identifiers.ts';
import type { Session } from './session.ts';

export async function publishedTables(session: Session, publication: string): Promise<TableName[]> {
  return await session.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name
     from pg_catalog.pg_publication_rel pr
     join pg_catalog.pg_publication p on p.oid = pr.prpubid
     join pg_catalog.pg_class c on c.oid = pr.prrelid
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where p.pubname = ${quoteLiteral(publication)} order by 1, 2`,
  );
}
