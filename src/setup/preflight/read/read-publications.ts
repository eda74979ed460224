// Our publication of a source, and others that would publish our own tables.
import type { TableName } from '../../../model/relation.ts';
import { publicationName } from '../../../postgres/object-names.ts';
import type { Session } from '../../../postgres/session.ts';
import { readJson } from './read-json.ts';

export interface PublicationFacts {
  /** Ours; undefined when there is none of that name. */
  readonly own: OwnPublication | undefined;
  /** Names of others that are FOR ALL TABLES. */
  readonly ofAllTables: readonly string[];
}

export interface OwnPublication {
  readonly oid: string;
  /** The role may alter it. */
  readonly owned: boolean;
  readonly allTables: boolean;
  /** Schemas that it publishes whole. */
  readonly schemas: readonly string[];
  /** What it publishes of `insert`, `update`, `delete`, `truncate`. */
  readonly operations: readonly string[];
  readonly viaRoot: boolean;
  readonly tables: readonly PublishedTable[];
}

export interface PublishedTable extends TableName {
  readonly hasRowFilter: boolean;
  readonly hasColumnList: boolean;
}

// Row filters, column lists and whole schemas came with 15.
const publicationsQuery = (major: number) => `
  select json_build_object(
    'ofAllTables', (
      select coalesce(json_agg(pubname order by pubname), '[]')
      from pg_catalog.pg_publication where puballtables and pubname <> $1),
    'own', (
      select json_build_object(
        'oid', p.oid::text,
        'owned', pg_has_role(p.pubowner, 'usage'),
        'allTables', p.puballtables,
        'viaRoot', p.pubviaroot,
        'operations', array_remove(array[
          case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end,
          case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end],
          null),
        'schemas', ${major >= 15 ? publishedSchemas : "'[]'::json"},
        'tables', (
          select coalesce(json_agg(json_build_object(
            'schema', n.nspname, 'name', c.relname,
            'hasRowFilter', to_jsonb(pr) ->> 'prqual' is not null,
            'hasColumnList', to_jsonb(pr) ->> 'prattrs' is not null)
            order by n.nspname, c.relname), '[]')
          from pg_catalog.pg_publication_rel pr
          join pg_catalog.pg_class c on c.oid = pr.prrelid
          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where pr.prpubid = p.oid))
      from pg_catalog.pg_publication p where p.pubname = $1))::text as json`;

const publishedSchemas = `(
          select coalesce(json_agg(n.nspname order by n.nspname), '[]')
          from pg_catalog.pg_publication_namespace pn
          join pg_catalog.pg_namespace n on n.oid = pn.pnnspid where pn.pnpubid = p.oid)`;

export async function readPublications(session: Session, major: number): Promise<PublicationFacts> {
  const name = publicationName(session.database.name);
  const facts = await readJson<PublicationFacts & { own: OwnPublication | null }>(
    session,
    publicationsQuery(major),
    [name],
  );
  return { ...facts, own: facts.own ?? undefined };
}
