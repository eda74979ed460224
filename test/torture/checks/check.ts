// A check looks at what a run has left and says what is wrong with it. None says nothing.
import type { Facts } from '../outcome.ts';
import type { FoundRow } from '../rows.ts';
import type { WorkloadTable } from '../workloads/workload.ts';
import type { World } from '../world.ts';

export interface Finding {
  readonly check: string;
  /** One line. */
  readonly what: string;
  /** Whatever helps to understand it. */
  readonly facts?: unknown;
}

/** Of one table: the rows of each database, by its name. */
export type Rows = ReadonlyMap<string, readonly FoundRow[]>;

export interface Evidence {
  readonly world: World;
  readonly facts: Facts;
  readonly rows: ReadonlyMap<WorkloadTable, Rows>;
  readonly conflicts: readonly LoggedConflict[];
  /** Whether a source has contradicted the order of its own commits by its clock. */
  readonly clockSteppedBack: boolean;
}

/** A line of replicator.conflicts. */
export interface LoggedConflict {
  readonly database: string;
  readonly table: string;
  readonly conflict: string;
  readonly resolution: string;
  readonly rule: string;
  /** The operations that wrote the two rows, as far as their images are kept. */
  readonly operations: readonly number[];
}

/** A finding of a check that has a name. */
export type Find = (what: string, facts?: unknown) => Finding;

export const finder =
  (check: string): Find =>
  (what, facts) => ({ check, what, ...(facts !== undefined && { facts }) });
