// Labels of enumerated types: a label that the target lacks is a value that it refuses.
import type { Session } from '../../../postgres/session.ts';
import { readJson } from './read-json.ts';

const enumsQuery = `
  select coalesce(json_object_agg(e.type, e.labels), '{}')::text as json from (
    select format_type(t.oid, -1) as type, json_agg(l.enumlabel order by l.enumsortorder) as labels
    from pg_catalog.pg_type t join pg_catalog.pg_enum l on l.enumtypid = t.oid
    group by t.oid) e`;

export async function readEnums(session: Session): Promise<Map<string, readonly string[]>> {
  return new Map(
    Object.entries(await readJson<Record<string, readonly string[]>>(session, enumsQuery)),
  );
}
