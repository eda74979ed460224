// Setup creates a schema on every database and a publication on every source.
import { quoteIdentifier } from '../../../postgres/identifiers.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import type { PrivilegeCheck } from '../finding.ts';
import { sourcesAmong } from '../members.ts';
import { grantee, missingPrivilege } from './grant.ts';

export const databaseCreate: PrivilegeCheck = {
  name: 'database-create',
  category: 'privilege',
  find: (facts) => {
    const sources = sourcesAmong(facts);
    return [...facts.databases.values()]
      .filter((database) => isAheadOf(database, sources) && !database.role.createsInDatabase)
      .map((database) => {
        const { dbname } = database.config;
        return missingPrivilege(database, {
          what: `may not create schema replicator and a publication in database ${dbname}`,
          grants: [`grant create on database ${quoteIdentifier(dbname)} to ${grantee(database)}`],
        });
      });
  },
};

function isAheadOf(database: DatabaseFacts, sources: readonly DatabaseFacts[]): boolean {
  if (database.schema?.installed !== true) return true;
  return sources.includes(database) && database.publications.own === undefined;
}
