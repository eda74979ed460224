// https://www.postgresql.org/docs/current/logical-replication-security.html
import type { PrivilegeCheck } from '../finding.ts';
import { sourcesAmong } from '../members.ts';
import { grantee, missingPrivilege } from './grant.ts';

export const replicationAttribute: PrivilegeCheck = {
  name: 'replication-attribute',
  category: 'privilege',
  find: (facts) =>
    sourcesAmong(facts)
      .filter(({ role }) => !role.replication)
      .map((source) =>
        missingPrivilege(source, {
          what: 'may not create or read replication slots (attribute REPLICATION)',
          grants: [`alter role ${grantee(source)} replication`],
        }),
      ),
};
