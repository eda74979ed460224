// What is done with the tables: sources are read (copies, and rows whose large values were not
// sent), targets are read and written.
import { quoteIdentifier, quoteTable } from '../../../postgres/identifiers.ts';
import { sourceEnds, type TableEnd, targetEnds } from '../carried-tables.ts';
import type { MissingPrivilege, PrivilegeCheck } from '../finding.ts';
import { grantee, missingPrivilege } from './grant.ts';
import { toBeOwned } from './ownership.ts';

export const tables: PrivilegeCheck = {
  name: 'tables',
  category: 'privilege',
  find: (facts) => {
    const uses = new Map<string, TableUse>();
    for (const end of sourceEnds(facts)) addUse(uses, end, ['select']);
    for (const end of targetEnds(facts)) addUse(uses, end, writing(end));
    // An owner may do everything with its table, but still needs its schema.
    const owned = toBeOwned(facts);
    const others = [...uses.values()].filter(({ end }) => !owned.has(end.table));
    return [...ofSchemas([...uses.values()]), ...others.flatMap(ofTable)];
  },
};

interface TableUse {
  readonly end: TableEnd;
  readonly privileges: Set<string>;
}

function addUse(uses: Map<string, TableUse>, end: TableEnd, privileges: readonly string[]): void {
  const key = `${end.database.name}:${end.label}`;
  const use = uses.get(key) ?? { end, privileges: new Set() };
  for (const privilege of privileges) use.privileges.add(privilege);
  uses.set(key, use);
}

function writing({ carried }: TableEnd): string[] {
  const truncates = carried.some(({ options }) => options.truncate === 'replicate');
  return ['select', 'insert', 'update', 'delete', ...(truncates ? ['truncate'] : [])];
}

function ofSchemas(uses: readonly TableUse[]): MissingPrivilege[] {
  const closed = new Map<string, MissingPrivilege>();
  for (const { end } of uses) {
    const { database, table } = end;
    if (table.schemaUsage) continue;
    const problem = missingPrivilege(database, {
      what: `may not use schema ${table.schema}`,
      grants: [`grant usage on schema ${quoteIdentifier(table.schema)} to ${grantee(database)}`],
    });
    closed.set(`${database.name}:${table.schema}`, problem);
  }
  return [...closed.values()];
}

function ofTable({ end, privileges }: TableUse): MissingPrivilege[] {
  const { database, label, table } = end;
  const missing = [...privileges].filter((privilege) => !table.privileges.includes(privilege));
  if (missing.length === 0) return [];
  const list = missing.join(', ');
  return [
    missingPrivilege(database, {
      what: `lacks ${list.toUpperCase()} on ${label}`,
      table: label,
      grants: [`grant ${list} on table ${quoteTable(table)} to ${grantee(database)}`],
    }),
  ];
}
