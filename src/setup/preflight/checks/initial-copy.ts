// Tables that `run` would copy, but for rows that are on the target: it refuses the whole subscription.
import { areRowsExplained, isBothWays } from '../../../config/rows-explained.ts';
import { tableLabel } from '../../../model/relation.ts';
import { subscriptionName } from '../../../postgres/object-names.ts';
import type { CarriedTable } from '../carried-tables.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check } from '../finding.ts';

export const initialCopy: Check = {
  name: 'initial-copy',
  category: 'state',
  find: (facts) =>
    facts.carried
      .filter((each) => isRefused(facts, each))
      .map(({ label, subscription }) => ({
        severity: 'warning',
        code: 'COPY_REFUSED',
        database: subscription.target,
        table: label,
        message: `${subscriptionName(subscription)}: ${label} is not empty on ${subscription.target}, so the initial copy will be refused`,
        hint: 'empty it there, or set initial_copy: if_empty or none',
      })),
};

function isRefused({ config }: PreflightFacts, carried: CarriedTable): boolean {
  const { label, options, joined, taken, subscription, source, target } = carried;
  if (options.initialCopy !== 'once' || joined || taken || target?.filled.has(label) !== true)
    return false;
  const isExplained = areRowsExplained({
    bothWays: isBothWays(config, subscription),
    sourceEmpty: !source.filled.has(label),
    sourceJoined: hasJoined(source, label),
    sourceCopied: wasCopied(source, label),
    targetCopied: wasCopied(target, label),
  });
  return !isExplained && !isLost(target, source.name, label);
}

function hasJoined({ state }: DatabaseFacts, label: string): boolean {
  return (state?.content?.joined ?? []).some((table) => tableLabel(table) === label);
}

function wasCopied({ state }: DatabaseFacts, label: string): boolean {
  return (state?.content?.joined ?? []).some(
    (table) => table.copied && tableLabel(table) === label,
  );
}

/** It misses changes, and waits until it is empty. */
function isLost({ state }: DatabaseFacts, source: string, label: string): boolean {
  return (state?.content?.lost ?? []).some(
    (table) => table.source === source && tableLabel(table) === label,
  );
}
