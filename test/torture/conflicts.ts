// What the replicator says of the conflicts that it met.
import type { LoggedConflict } from './checks/check.ts';
import type { World } from './world.ts';

export async function readConflicts({ masters }: World): Promise<LoggedConflict[]> {
  const found: LoggedConflict[] = [];
  for (const { name: database, query } of masters.map((master) => ({
    name: master.name,
    query: (sql: string) => master.query(sql),
  })))
    for (const row of await query(
      `select table_name, conflict_type, resolution, rule, local_row ->> 'op' as local,
              remote_row ->> 'op' as remote
       from replicator.conflicts`,
    ))
      found.push({
        database,
        table: row['table_name'] ?? '',
        conflict: row['conflict_type'] ?? '',
        resolution: row['resolution'] ?? '',
        rule: row['rule'] ?? '',
        operations: [row['local'], row['remote']].flatMap((op) => (op == null ? [] : Number(op))),
      });
  return found;
}
