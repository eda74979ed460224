// Looks at every database before anything is done there, and tells what would go wrong. To add a
// check, write a file like those in preflight/checks and name it here.
import type { Config } from '../config/config.ts';
import { allTablesPublication } from './preflight/checks/all-tables-publication.ts';
import { capacity } from './preflight/checks/capacity.ts';
import { clockSkew } from './preflight/checks/clock-skew.ts';
import { columnGenerated } from './preflight/checks/column-generated.ts';
import { columnMissing } from './preflight/checks/column-missing.ts';
import { columnNull } from './preflight/checks/column-null.ts';
import { columnType } from './preflight/checks/column-type.ts';
import { commitTimestamps } from './preflight/checks/commit-timestamps.ts';
import { conflictRule } from './preflight/checks/conflict-rule.ts';
import { contestedIdentity } from './preflight/checks/contested-identity.ts';
import { contestedKey } from './preflight/checks/contested-key.ts';
import { contestedUnique } from './preflight/checks/contested-unique.ts';
import { deferrableConstraint } from './preflight/checks/deferrable-constraint.ts';
import { differences } from './preflight/checks/differences.ts';
import { emptyPattern } from './preflight/checks/empty-pattern.ts';
import { encoding } from './preflight/checks/encoding.ts';
import { enumLabels } from './preflight/checks/enum-labels.ts';
import { failover } from './preflight/checks/failover.ts';
import { firingTriggers } from './preflight/checks/firing-triggers.ts';
import { foreignKeys } from './preflight/checks/foreign-keys.ts';
import { initialCopy } from './preflight/checks/initial-copy.ts';
import { installation } from './preflight/checks/installation.ts';
import { largeObjects } from './preflight/checks/large-objects.ts';
import { nativeSubscription } from './preflight/checks/native-subscription.ts';
import { notReplicable } from './preflight/checks/not-replicable.ts';
import { origin } from './preflight/checks/origin.ts';
import { pooler } from './preflight/checks/pooler.ts';
import { publication } from './preflight/checks/publication.ts';
import { reachable } from './preflight/checks/reachable.ts';
import { replicaIdentity } from './preflight/checks/replica-identity.ts';
import { rules } from './preflight/checks/rules.ts';
import { sameDatabase } from './preflight/checks/same-database.ts';
import { sequences } from './preflight/checks/sequences.ts';
import { slot } from './preflight/checks/slot.ts';
import { slotSettings } from './preflight/checks/slot-settings.ts';
import { spareSlots } from './preflight/checks/spare-slots.ts';
import { syncOptions } from './preflight/checks/sync-options.ts';
import { synchronousStandby } from './preflight/checks/synchronous-standby.ts';
import { tableMissing } from './preflight/checks/table-missing.ts';
import { targetKey } from './preflight/checks/target-key.ts';
import { truncate } from './preflight/checks/truncate.ts';
import { uniqueIndex } from './preflight/checks/unique-index.ts';
import { unjoinedTables } from './preflight/checks/unjoined-tables.ts';
import { version } from './preflight/checks/version.ts';
import { walLevel } from './preflight/checks/wal-level.ts';
import { writable } from './preflight/checks/writable.ts';
import type { PreflightFacts } from './preflight/facts.ts';
import type { Category, Check, Finding } from './preflight/finding.ts';
import { type GatherOptions, gatherFacts } from './preflight/gather-facts.ts';
import { privilegeChecks } from './preflight/privileges/privilege-checks.ts';

/** In the order in which a person would mend what they find. */
export const checks: readonly Check[] = [
  reachable,
  pooler,
  sameDatabase,
  syncOptions,
  emptyPattern,
  version,
  writable,
  walLevel,
  capacity,
  slotSettings,
  spareSlots,
  synchronousStandby,
  failover,
  encoding,
  clockSkew,
  ...privilegeChecks,
  tableMissing,
  notReplicable,
  columnMissing,
  columnType,
  columnNull,
  columnGenerated,
  enumLabels,
  replicaIdentity,
  targetKey,
  uniqueIndex,
  contestedKey,
  contestedUnique,
  contestedIdentity,
  deferrableConstraint,
  firingTriggers,
  rules,
  truncate,
  largeObjects,
  publication,
  allTablesPublication,
  nativeSubscription,
  commitTimestamps,
  sequences,
  foreignKeys,
  conflictRule,
  installation,
  slot,
  origin,
  unjoinedTables,
  initialCopy,
  differences,
];

export interface PreflightOptions extends GatherOptions {
  /** Only these; about connections is always told, as nothing can be checked without one. */
  readonly categories?: readonly Category[];
}

/** Changes nothing. A database that does not answer is a finding, and stops no other check. */
export async function preflight(
  config: Config,
  options: PreflightOptions = {},
): Promise<Finding[]> {
  return findingsOf(await gatherFacts(config, options), options);
}

/** In the order of the checks, and of the databases in the file. */
export function findingsOf(
  facts: PreflightFacts,
  { categories }: Pick<PreflightOptions, 'categories'> = {},
): Finding[] {
  const isWanted = ({ category }: Check) =>
    category === 'connection' || (categories?.includes(category) ?? true);
  return checks.filter(isWanted).flatMap((check) =>
    check.find(facts).map(({ severity, code, database, table, column, keys, message, hint }) => ({
      check: check.name,
      category: check.category,
      severity,
      code,
      database,
      ...(table !== undefined && { table }),
      ...(column !== undefined && { column }),
      ...(keys !== undefined && { keys }),
      // A name may hold line breaks.
      message: message.replaceAll(/\p{Cc}+/gu, ' '),
      hint,
    })),
  );
}
