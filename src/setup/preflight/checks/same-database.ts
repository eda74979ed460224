// Two names for one database would replicate it to itself; a copy made of files answers under the
// identity of its original, and nobody could tell whose positions are meant.
import type { DatabaseFacts } from '../database-facts.ts';
import type { Check, Problem } from '../finding.ts';

export const sameDatabase: Check = {
  name: 'same-database',
  category: 'connection',
  find: ({ databases }) => {
    // What is wrong with a standby is that it is one.
    const primaries = [...databases.values()].filter(({ identity }) => !identity.inRecovery);
    return primaries.flatMap((database, i) => {
      const first = primaries.slice(0, i).find((other) => haveOneIdentity(other, database));
      return first === undefined ? [] : describe(first, database);
    });
  },
};

function haveOneIdentity({ identity: a }: DatabaseFacts, { identity: b }: DatabaseFacts): boolean {
  return a.systemIdentifier === b.systemIdentifier && a.databaseOid === b.databaseOid;
}

function describe(first: DatabaseFacts, second: DatabaseFacts): Problem {
  const { name: database, identity } = second;
  const common = { severity: 'error', code: 'IDENTITY', database } as const;
  if (first.server.startedAt === second.server.startedAt)
    return {
      ...common,
      message: `${database}: is the same database as ${first.name}: ${second.config.dbname} of one server`,
      hint: `remove ${first.name} or ${database} from the file`,
    };
  return {
    ...common,
    message: `${database}: has the identity of ${first.name} (system identifier ${identity.systemIdentifier}): one is a copy of the other's files`,
    hint: 'set one of them up with initdb, and fill it from a dump or with initial_copy',
  };
}
