// One missing privilege, and the statements that grant it.
import { quoteIdentifier } from '../../../postgres/identifiers.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import type { MissingPrivilege } from '../finding.ts';

export interface Lacking {
  /** Goes on after `role r`: `may not create slots (attribute REPLICATION)`. */
  readonly what: string;
  readonly grants: readonly string[];
  readonly table?: string;
}

export function missingPrivilege(
  { name: database, role }: DatabaseFacts,
  { what, grants, table }: Lacking,
): MissingPrivilege {
  return {
    severity: 'error',
    code: 'PRIVILEGE',
    database,
    ...(table !== undefined && { table }),
    message: `${database}: role ${role.name} ${what}`,
    hint: grants.join('; '),
    grants,
  };
}

export function grantee({ role }: DatabaseFacts): string {
  return quoteIdentifier(role.name);
}
