// Changes are applied as a replica, so that triggers and foreign keys do not act a second time.
// https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-SESSION-REPLICATION-ROLE
import { quoteIdentifier } from '../../../postgres/identifiers.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import type { PrivilegeCheck } from '../finding.ts';
import { targetsAmong } from '../members.ts';
import { grantee, missingPrivilege } from './grant.ts';

export const replicaRole: PrivilegeCheck = {
  name: 'replica-role',
  category: 'privilege',
  find: (facts) =>
    targetsAmong(facts)
      .filter(({ role }) => !role.becomesReplica)
      .map((target) =>
        missingPrivilege(target, {
          what: 'may not set session_replication_role',
          grants: [allowing(target)],
        }),
      ),
};

/** Before 15 it cannot be granted, but a superuser may set it for the role. */
function allowing(target: DatabaseFacts): string {
  const to = grantee(target);
  return target.identity.major >= 15
    ? `grant set on parameter session_replication_role to ${to}`
    : `alter role ${to} in database ${quoteIdentifier(target.config.dbname)} set session_replication_role = replica`;
}
