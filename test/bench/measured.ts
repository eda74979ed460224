// What was measured last of every workload: docs/performance.json, which the page is made of. Each can be
// measured anew by itself.
import { readFile, writeFile } from 'node:fs/promises';
import type { Machine } from './machine.ts';
import type { Result } from './results.ts';

const file = new URL('../../docs/performance.json', import.meta.url);

export interface Measured {
  readonly machine: Machine;
  readonly results: readonly (Result & { readonly day: string })[];
}

/** In the order of `names`, which are those of all workloads. What another machine gave is dropped. */
export async function keep(
  results: readonly Result[],
  machine: Machine,
  names: readonly string[],
): Promise<Measured> {
  const day = new Date().toISOString().slice(0, 10);
  const fresh = results.map((result) => ({ ...result, day }));
  const isFresh = (name: string) => results.some(({ workload }) => workload === name);
  const before = await readMeasured();
  const kept = JSON.stringify(before?.machine) === JSON.stringify(machine) ? before?.results : [];
  const all = [...(kept ?? []).filter(({ workload }) => !isFresh(workload)), ...fresh];
  const measured = {
    machine,
    results: names.flatMap((name) => all.filter(({ workload }) => workload === name)),
  };
  await writeFile(file, `${JSON.stringify(measured, null, 2)}\n`);
  return measured;
}

async function readMeasured(): Promise<Measured | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Measured;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
