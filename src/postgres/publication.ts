// What a publication of a database names.
import type { TableName } from '../model/relation.ts';
import { quoteLiteral } from './identifiers.ts';
import type { Session } from './session.ts';

export interface PublishedTable extends TableName {
  readonly oid: string;
  /** Another one when it was taken out and put in again: what was written between was not sent. */
  readonly membership: string;
}

export async function publishedTables(
  session: Session,
  publication: string,
): Promise<PublishedTable[]> {
  return await session.query<{ schema: string; name: string; oid: string; membership: string }>(
    `select n.nspname as schema, c.relname as name, c.oid::text as oid, pr.oid::text as membership
     from pg_catalog.pg_publication_rel pr
     join pg_catalog.pg_publication p on p.oid = pr.prpubid
     join pg_catalog.pg_class c on c.oid = pr.prrelid
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where p.pubname = ${quoteLiteral(publication)} order by 1, 2`,
  );
}
