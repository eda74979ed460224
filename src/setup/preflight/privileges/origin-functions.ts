// Writes are tagged with an origin on targets. The functions for that can be granted from 14 on;
// on 13 a superuser must make functions of ours that stand for them.

import { originWrapperStatements } from '../../schema-functions.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import type { MissingPrivilege, PrivilegeCheck } from '../finding.ts';
import { targetsAmong } from '../members.ts';
import { grantee, missingPrivilege } from './grant.ts';

export const originFunctions: PrivilegeCheck = {
  name: 'origin-functions',
  category: 'privilege',
  find: (facts) =>
    targetsAmong(facts)
      .filter(({ role }) => !role.superuser)
      .flatMap((target) => (target.identity.major === 13 ? ofWrappers(target) : ofServer(target))),
};

function ofServer(target: DatabaseFacts): MissingPrivilege[] {
  const denied = target.role.originFunctions.filter(({ executable }) => !executable);
  if (denied.length === 0) return [];
  const functions = denied.map(({ signature }) => signature).join(', ');
  return [
    missingPrivilege(target, {
      what: `may not execute ${functions}`,
      grants: [`grant execute on function ${functions} to ${grantee(target)}`],
    }),
  ];
}

function ofWrappers(target: DatabaseFacts): MissingPrivilege[] {
  const { schema } = target;
  // Those that are there and may not be executed are a matter of our schema.
  if (schema?.originWrappers) return [];
  const to = grantee(target);
  const create = schema === undefined ? [`create schema replicator authorization ${to}`] : [];
  return [
    {
      ...missingPrivilege(target, {
        what: 'may not call the replication origin functions, which 13 reserves for superusers',
        grants: [
          ...create,
          ...originWrapperStatements,
          `grant execute on all functions in schema replicator to ${to}`,
        ],
      }),
      hint: 'as a superuser, run `replicator init`, or execute what `replicator check --print-grants` prints',
    },
  ];
}
