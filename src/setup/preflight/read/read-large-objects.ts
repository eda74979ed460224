// Whether there are any: who may not read them may still see that they are there.
// https://www.postgresql.org/docs/current/catalog-pg-largeobject-metadata.html
import type { Session } from '../../../postgres/session.ts';
import { readJson } from './read-json.ts';

const largeObjectsQuery = `
  select to_json(exists (select from pg_catalog.pg_largeobject_metadata))::text as json`;

export async function readLargeObjects(session: Session): Promise<boolean> {
  return await readJson(session, largeObjectsQuery);
}
