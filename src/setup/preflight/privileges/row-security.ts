// Policies would hide rows from us without a word; we run with row_security = off, so that the
// server refuses instead: https://www.postgresql.org/docs/current/ddl-rowsecurity.html
import { sourceEnds, type TableEnd, targetEnds } from '../carried-tables.ts';
import type { PrivilegeCheck } from '../finding.ts';
import { grantee, missingPrivilege } from './grant.ts';
import { toBeOwned } from './ownership.ts';

export const rowSecurity: PrivilegeCheck = {
  name: 'row-security',
  category: 'privilege',
  find: (facts) => {
    const ends = new Map<string, TableEnd>();
    for (const end of [...sourceEnds(facts), ...targetEnds(facts)])
      ends.set(`${end.database.name}:${end.label}`, end);
    const owned = toBeOwned(facts);
    return [...ends.values()]
      .filter(({ table }) => table.rowSecurity && (table.rowSecurityForced || !owned.has(table)))
      .map(({ database, label }) =>
        missingPrivilege(database, {
          what: `is subject to row-level security on ${label} (attribute BYPASSRLS)`,
          table: label,
          grants: [`alter role ${grantee(database)} bypassrls`],
        }),
      );
  },
};
