// Native subscriptions of a database: rows that they bring carry an origin.
import type { TableName } from '../../../model/relation.ts';
import type { Session } from '../../../postgres/session.ts';
import { readJson } from './read-json.ts';

export interface NativeSubscription {
  readonly name: string;
  readonly tables: readonly TableName[];
}

// Only some columns of pg_subscription are for everyone, and oid is not among them on 13; the view
// pg_stat_subscription shows it.
const subscriptionsQuery = `
  select coalesce(json_agg(json_build_object(
    'name', s.subname,
    'tables', (
      select coalesce(json_agg(json_build_object('schema', n.nspname, 'name', c.relname)
                               order by n.nspname, c.relname), '[]')
      from pg_catalog.pg_subscription_rel sr
      join pg_catalog.pg_class c on c.oid = sr.srrelid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where sr.srsubid in (select st.subid from pg_catalog.pg_stat_subscription st
                           where st.subname = s.subname)))
    order by s.subname), '[]')::text as json
  from pg_catalog.pg_subscription s
  where s.subenabled
    and s.subdbid = (select oid from pg_catalog.pg_database where datname = current_database())`;

export async function readSubscriptions(session: Session): Promise<NativeSubscription[]> {
  return await readJson(session, subscriptionsQuery);
}
