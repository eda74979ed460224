// What the configured role is and may do, apart from tables.
import type { Session } from '../../../postgres/session.ts';
import { readJson } from './read-json.ts';

export interface RoleFacts {
  readonly name: string;
  readonly superuser: boolean;
  readonly replication: boolean;
  /** Uses the privileges of the roles that it is a member of. */
  readonly inherits: boolean;
  readonly createsInDatabase: boolean;
  /** May set session_replication_role, or has it set to replica from the start. */
  readonly becomesReplica: boolean;
  readonly originFunctions: readonly FunctionPrivilege[];
}

export interface FunctionPrivilege {
  /** `pg_catalog.pg_replication_origin_create(text)`. */
  readonly signature: string;
  readonly executable: boolean;
}

// The functions that setup and apply call. Privileges on settings came with 15.
const roleQuery = (major: number) => `
  select json_build_object(
    'name', r.rolname,
    'superuser', r.rolsuper,
    'replication', r.rolreplication or r.rolsuper,
    'inherits', r.rolinherit,
    'createsInDatabase', has_database_privilege(current_database(), 'create'),
    'becomesReplica', r.rolsuper or current_setting('session_replication_role') = 'replica'
      ${major >= 15 ? "or has_parameter_privilege('session_replication_role', 'set')" : ''},
    'originFunctions', (
      select json_agg(json_build_object(
        'signature', 'pg_catalog.' || p.oid::regprocedure,
        'executable', has_function_privilege(p.oid, 'execute')) order by p.proname)
      from pg_catalog.pg_proc p
      where p.pronamespace = 'pg_catalog'::regnamespace
        and p.proname in ('pg_replication_origin_create', 'pg_replication_origin_drop',
                          'pg_replication_origin_session_setup',
                          'pg_replication_origin_xact_setup')))::text as json
  from pg_catalog.pg_roles r where r.rolname = current_user`;

export async function readRole(session: Session, major: number): Promise<RoleFacts> {
  return await readJson<RoleFacts>(session, roleQuery(major));
}
