// When rows that a target holds already are no reason to refuse the initial copy of a table.
import type { Config, SubscriptionConfig } from './config.ts';

/** The target's changes go to the source as well. */
export function isBothWays(
  { subscriptions }: Pick<Config, 'subscriptions'>,
  { source, target }: Pick<SubscriptionConfig, 'source' | 'target'>,
): boolean {
  return subscriptions.some((other) => other.source === target && other.target === source);
}

export interface FilledTarget {
  readonly bothWays: boolean;
  readonly sourceEmpty: boolean;
  /** Some database brings its changes of the table to the source. */
  readonly sourceJoined: boolean;
  readonly sourceCopied: boolean;
  readonly targetCopied: boolean;
}

/** What is there came from a database that feeds the source too. */
export function cameByCopies({ bothWays, sourceCopied, targetCopied }: FilledTarget): boolean {
  return sourceCopied && (bothWays || targetCopied);
}

/** They came by a copy of ours, or the source gets or has got them from there. */
export function areRowsExplained(facts: FilledTarget): boolean {
  return cameByCopies(facts) || (facts.bothWays && (facts.sourceEmpty || facts.sourceJoined));
}
