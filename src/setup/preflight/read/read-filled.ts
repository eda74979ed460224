// Which tables hold rows, where a copy would be refused because of them.

import type { Config } from '../../../config/config.ts';
import { matchTables } from '../../../config/match-tables.ts';
import { tableLabel } from '../../../model/relation.ts';
import { ownRows, quoteTable } from '../../../postgres/identifiers.ts';
import type { Session } from '../../../postgres/session.ts';
import type { TableFacts } from './read-tables.ts';

/** The parser gives up on too many UNIONs in one statement. */
const mostAtOnce = 200;

/** Labels. One that may not be read, or is locked, is taken to be empty: whoever copies will say it. */
export async function readFilled(
  session: Session,
  { syncs }: Config,
  tables: readonly TableFacts[],
): Promise<ReadonlySet<string>> {
  const { name } = session.database;
  const relgroups = syncs
    .filter(({ initialCopy, members }) => initialCopy === 'once' && members.has(name))
    .map(({ relgroup }) => relgroup);
  const asked = tables.filter(
    (table) =>
      table.schemaUsage &&
      table.privileges.includes('select') &&
      relgroups.some((relgroup) => matchTables(relgroup, [table]).length > 0),
  );
  const filled = new Set<string>();
  for (let i = 0; i < asked.length; i += mostAtOnce) {
    const some = asked.slice(i, i + mostAtOnce);
    const selects = some.map((table, n) => {
      const rows = ownRows(quoteTable(table), table.partitioned);
      return `select ${n} as n where exists (select from ${rows})`;
    });
    const rows = await session.query(selects.join(' union all ')).catch(() => []);
    for (const { n } of rows) {
      const table = some[Number(n)];
      if (table !== undefined) filled.add(tableLabel(table));
    }
  }
  return filled;
}
