// Everything that is looked at once all is quiet.
import type { Facts } from '../outcome.ts';
import { readRows } from '../rows.ts';
import type { WorkloadTable } from '../workloads/workload.ts';
import { tablesOf, type World } from '../world.ts';
import type { Evidence, Finding, LoggedConflict, Rows } from './check.ts';
import { checkCounters, checkDoubled, checkOrder, checkWhole } from './doubled.ts';
import { checkEqual, checkWriters } from './equal.ts';
import { checkExplained, checkLost } from './lost.ts';

const checks: readonly ((evidence: Evidence) => Iterable<Finding> | AsyncIterable<Finding>)[] = [
  checkEqual,
  checkWriters,
  checkLost,
  checkExplained,
  checkDoubled,
  checkCounters,
  checkWhole,
  checkOrder,
];

export async function findAll(
  world: World,
  facts: Facts,
  conflicts: readonly LoggedConflict[],
): Promise<Finding[]> {
  const rows = new Map<WorkloadTable, Rows>();
  for (const table of tablesOf(world)) {
    const found = await Promise.all(
      world.masters.map(async (master) => [master.name, await readRows(master, table)] as const),
    );
    rows.set(table, new Map(found));
  }
  const clockSteppedBack = world.history.faults.has('clock-stepped-back');
  const evidence = { world, facts, rows, conflicts, clockSteppedBack };
  const findings: Finding[] = [];
  for (const check of checks) for await (const finding of check(evidence)) findings.push(finding);
  return findings;
}
