// On 13 the server's own origin functions are reserved for superusers whatever is granted.
import type { Session } from './session.ts';

/** Where the replication origin functions are that this role may call. */
export async function originFunctions(session: Session): Promise<string> {
  const { prefix } = await session.one<{ prefix: string }>(`
    select case when current_setting('server_version_num')::int >= 140000
                  or (select rolsuper from pg_catalog.pg_roles where rolname = current_user)
                then 'pg_catalog.pg_replication_origin_' else 'replicator.origin_' end as prefix`);
  return prefix;
}
