// A figure counts only when everything arrived: every table has the same rows everywhere.
import type { TestDatabase } from '../support/database.ts';
import { type Layout, living } from './side.ts';
import { UnequalTables } from './workload.ts';

export async function expectEqualTables(layout: Layout): Promise<void> {
  const [first, ...others] = await Promise.all(living(layout).map(digest));
  for (const other of others)
    for (const [table, sum] of first ?? [])
      if (other.get(table) !== sum)
        throw new UnequalTables(`${table}: ${sum} and ${other.get(table)}`);
}

/** By table: rows, and a sum over their hashes that does not depend on their order. */
async function digest(database: TestDatabase): Promise<Map<string, string>> {
  const tables = await database.query(
    `select quote_ident(tablename) as name from pg_tables where schemaname = 'public' order by 1`,
  );
  if (tables.length === 0) return new Map();
  const each = tables.map(
    ({ name }) => `select '${name}' as name, count(*) || ' rows, ' ||
      coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) as sum from public.${name} t`,
  );
  const sums = await database.query(each.join(' union all '));
  return new Map(sums.map(({ name, sum }) => [name ?? '', sum ?? '']));
}
