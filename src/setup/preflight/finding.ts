// What a check has found: data, which `replicator check` prints.
import type { ErrorCode } from '../../model/errors.ts';
import type { PreflightFacts } from './facts.ts';

export const categories = [
  'connection',
  'configuration',
  'server',
  'privilege',
  'schema',
  'publication',
  'conflict',
  'state',
] as const;

export type Category = (typeof categories)[number];

/**
 * `error`: `run` would refuse, or lose something. `warning`: it works but is dangerous. `notice`:
 * good to know, and no reason for `check` to fail.
 */
export type Severity = 'error' | 'warning' | 'notice';

export interface Problem {
  readonly severity: Severity;
  readonly code: ErrorCode;
  /** Its name in the file. */
  readonly database: string;
  /** As people write it: `public.orders`, quoted where it must be. */
  readonly table?: string;
  readonly column?: string;
  /** Of the rows that it is about, for programs. */
  readonly keys?: unknown;
  /** What and where, in one line. */
  readonly message: string;
  /** How to mend it; where that is SQL, it is to be executed on `database`. */
  readonly hint: string;
}

export interface Finding extends Problem {
  /** The check's name, `wal-level`. */
  readonly check: string;
  readonly category: Category;
}

export interface Check {
  readonly name: string;
  readonly category: Category;
  /** Pure: everything that it needs was gathered before. */
  find(facts: PreflightFacts): Problem[];
}

/** A missing privilege comes with the statements that grant it, for an owner or a superuser. */
export interface MissingPrivilege extends Problem {
  readonly grants: readonly string[];
}

export interface PrivilegeCheck extends Check {
  readonly category: 'privilege';
  find(facts: PreflightFacts): MissingPrivilege[];
}
