// Schema `replicator` when somebody else made it: a superuser's `init`, for one.
import type { DatabaseFacts } from '../database-facts.ts';
import type { PrivilegeCheck } from '../finding.ts';
import { grantee, type Lacking, missingPrivilege } from './grant.ts';

export const ownSchema: PrivilegeCheck = {
  name: 'own-schema',
  category: 'privilege',
  find: ({ databases }) =>
    [...databases.values()].flatMap((database) =>
      lacking(database).map((each) => missingPrivilege(database, each)),
    ),
};

function lacking(database: DatabaseFacts): Lacking[] {
  const { schema } = database;
  const to = grantee(database);
  if (schema === undefined) return [];
  const found: Lacking[] = [];
  if (!schema.installed && !(schema.usage && schema.create))
    found.push({
      what: 'may not create tables in schema replicator',
      grants: [`grant usage, create on schema replicator to ${to}`],
    });
  else if (!schema.usage)
    found.push({
      what: 'may not use schema replicator',
      grants: [`grant usage on schema replicator to ${to}`],
    });
  if (schema.deniedTables.length > 0)
    found.push({
      what: `may not read and write replicator.${schema.deniedTables.join(', replicator.')}`,
      grants: [`grant select, insert, update, delete on all tables in schema replicator to ${to}`],
    });
  if (schema.deniedFunctions.length > 0)
    found.push({
      what: `may not execute functions of schema replicator (${schema.deniedFunctions.join(', ')})`,
      grants: [`grant execute on all functions in schema replicator to ${to}`],
    });
  return found;
}
