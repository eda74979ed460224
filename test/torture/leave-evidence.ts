// What the databases hold when something was found, for whoever looks for the cause: gone a moment later.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Master } from './master.ts';
import type { World } from './world.ts';

/** Of each database a file `<name>.jsonl` in the run's folder. */
export async function leaveEvidence({ masters, workloads, folder }: World): Promise<void> {
  const tables = workloads.flatMap((workload) => workload.tables.map(({ name }) => name));
  for (const master of masters)
    await writeFile(join(folder, `${master.name}.jsonl`), await contents(master, tables));
}

async function contents(master: Master, tables: readonly string[]): Promise<string> {
  const rows = tables.map(
    (table) =>
      `select jsonb_build_object('table', '${table}', 'xmin', t.xmin, ` +
      "'stamp', pg_xact_commit_timestamp(t.xmin), 'rank', replicator.rank_of(t.xmin), " +
      `'row', to_jsonb(t)) from public.${table} t`,
  );
  const remembered = [
    'tombstones',
    'claims',
    'manifests',
    'copied_versions',
    'conflicts',
    'progress',
  ].map(
    (table) =>
      `select jsonb_build_object('table', 'replicator.${table}', 'row', to_jsonb(t)) from replicator.${table} t`,
  );
  const found = await master.query([...rows, ...remembered].join(' union all '));
  return found.map((row) => `${row['jsonb_build_object']}\n`).join('');
}
