// The SQL behind `replicator check --print-grants`: what is missing and nothing else.
import type { PreflightFacts } from './preflight/facts.ts';
import { privilegeChecks } from './preflight/privileges/privilege-checks.ts';

export interface GrantStatement {
  /** Its name in the file; the statement is to be executed there. */
  readonly database: string;
  /** Without a semicolon at its end. */
  readonly sql: string;
}

/**
 * For an owner or a superuser to execute as they are, in this order. About databases that did not
 * answer nothing is known, so nothing is said.
 */
export function grantStatements(facts: PreflightFacts): GrantStatement[] {
  const missing = privilegeChecks.flatMap((check) => check.find(facts));
  return [...facts.databases.keys()].flatMap((database) => {
    const here = missing.filter((each) => each.database === database);
    const statements = new Set(here.flatMap(({ grants }) => grants));
    return [...statements].map((sql) => ({ database, sql }));
  });
}
