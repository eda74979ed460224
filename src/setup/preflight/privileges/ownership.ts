// Only its owner may put a table into a publication, and only the publication's owner may change
// it: https://www.postgresql.org/docs/current/logical-replication-security.html
import { tableLabel } from '../../../model/relation.ts';
import { quoteIdentifier, quoteTable } from '../../../postgres/identifiers.ts';
import { publicationName } from '../../../postgres/object-names.ts';
import { sourceEnds, type TableEnd } from '../carried-tables.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import type { PreflightFacts } from '../facts.ts';
import type { MissingPrivilege, PrivilegeCheck } from '../finding.ts';
import type { TableFacts } from '../read/read-tables.ts';
import { grantee, missingPrivilege } from './grant.ts';

export const ownership: PrivilegeCheck = {
  name: 'ownership',
  category: 'privilege',
  find: (facts) => {
    const unpublished = unpublishedTables(facts);
    const sources = new Set(unpublished.map(({ database }) => database));
    return [
      ...[...sources].flatMap(ofPublication),
      ...unpublished.filter(({ table }) => !table.owned).map(ofTable),
    ];
  },
};

/** Tables that their role will own once what is missing has been granted. */
export function toBeOwned(facts: PreflightFacts): Set<TableFacts> {
  const unpublished = unpublishedTables(facts).map(({ table }) => table);
  return new Set(unpublished.filter(({ owned }) => !owned));
}

function unpublishedTables(facts: PreflightFacts): TableEnd[] {
  const published = new Map(
    [...facts.databases.values()].map(({ name, publications: { own } }) => [
      name,
      new Set(own?.tables.map(tableLabel)),
    ]),
  );
  return sourceEnds(facts).filter(
    ({ database, label }) => published.get(database.name)?.has(label) !== true,
  );
}

function ofPublication(source: DatabaseFacts): MissingPrivilege[] {
  if (source.publications.own?.owned !== false) return [];
  const name = publicationName(source.name);
  return [
    missingPrivilege(source, {
      what: `does not own publication ${name}, to which tables are still to be added`,
      grants: [`alter publication ${quoteIdentifier(name)} owner to ${grantee(source)}`],
    }),
  ];
}

function ofTable({ label, database, table }: TableEnd): MissingPrivilege {
  return missingPrivilege(database, {
    what: `does not own ${label}, so it may not publish it (its owner is ${table.owner})`,
    table: label,
    grants: grantsToOwn(database, table),
  });
}

export function grantsToOwn(database: DatabaseFacts, table: TableFacts): string[] {
  return table.ownerIsSuperuser
    ? // Membership would hand over everything that the superuser owns.
      [`alter table ${quoteTable(table)} owner to ${grantee(database)}`]
    : membership(database, table.owner);
}

/** A member has what its role owns, if it inherits; from 16 on that is said with the grant. */
function membership(database: DatabaseFacts, owner: string): string[] {
  const to = grantee(database);
  const grant = `grant ${quoteIdentifier(owner)} to ${to}`;
  if (database.identity.major >= 16) return [`${grant} with inherit true, set false`];
  return database.role.inherits ? [grant] : [grant, `alter role ${to} inherit`];
}
