// All that takes part in a run.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Daemon } from './daemon.ts';
import type { History } from './history.ts';
import type { Master } from './master.ts';
import type { Options } from './options.ts';
import type { Workload, WorkloadTable } from './workloads/workload.ts';

export interface World {
  readonly options: Options;
  /** Where everything of this run is kept. */
  readonly folder: string;
  readonly workloads: readonly Workload[];
  readonly masters: readonly Master[];
  /** Those that clients write to. */
  readonly written: readonly Master[];
  readonly daemon: Daemon;
  readonly history: History;
  /** What else went wrong on the way, one line each. */
  readonly trouble: string[];
}

export const tablesOf = (world: Pick<World, 'workloads'>): WorkloadTable[] =>
  world.workloads.flatMap(({ tables }) => tables);

/** Small batches, so that full ones follow each other, and large transactions are applied in parts. */
const apply = { batch_changes: 100, batch_size: '256kB', lock_timeout: '1s' };

/** Writes the replicator's file: a group of those that are written to, and one with a single writer. */
export async function writeReplicatorFile(
  folder: string,
  masters: readonly Master[],
  { topology }: Pick<Options, 'topology'>,
  tables: readonly WorkloadTable[],
): Promise<string> {
  const path = join(folder, 'replicator.yaml');
  const role = (master: Master, single: boolean) =>
    master.index === 0 || (topology === 'mesh' && !single) ? 'source' : 'target';
  const groups = {
    every: tables.filter(({ singleWriter }) => !singleWriter),
    single: tables.filter(({ singleWriter }) => singleWriter),
  };
  const used = Object.entries(groups).filter(([, members]) => members.length > 0);
  const file = {
    databases: Object.fromEntries(
      masters.map(({ name, proxiedUrl }) => [name, { url: proxiedUrl }]),
    ),
    relgroups: Object.fromEntries(
      used.map(([name, members]) => [name, { tables: members.map((t) => `public.${t.name}`) }]),
    ),
    dbgroups: Object.fromEntries(
      used.map(([name]) => [
        name,
        Object.fromEntries(masters.map((master) => [master.name, role(master, name === 'single')])),
      ]),
    ),
    syncs: Object.fromEntries(used.map(([name]) => [name, { relgroup: name, dbgroup: name }])),
    apply,
  };
  await writeFile(path, stringify(file), { mode: 0o600 });
  return path;
}
