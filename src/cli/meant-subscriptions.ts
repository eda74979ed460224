// Which subscriptions a command is about: one by its name, or all that carry a sync.
import type { Config, SubscriptionConfig } from '../config/config.ts';
import { nearestName } from '../config/did-you-mean.ts';
import { looksLikeName, nameLabel } from '../config/label.ts';
import { ReplicatorError } from '../model/errors.ts';
import { subscriptionName } from '../postgres/object-names.ts';

/** A subscription carries all syncs of its pair: it is meant with each of them. Throws USAGE. */
export function meantSubscriptions(
  config: Config,
  word: string | boolean | undefined,
  command: string,
): SubscriptionConfig[] {
  if (typeof word !== 'string' || word === '')
    throw new ReplicatorError('USAGE', `${command}: name a sync or a source:target`);
  const subscriptions = config.subscriptions.filter(
    (each) => subscriptionName(each) === word || each.syncs.some(({ name }) => name === word),
  );
  if (subscriptions.length > 0) return subscriptions;
  const known = [
    ...config.syncs.map(({ name }) => name),
    ...config.subscriptions.map(subscriptionName),
  ];
  const label = word.split(':').every(looksLikeName) ? `"${word}"` : nameLabel(word);
  const near = nearestName(word, known);
  const help = near === undefined ? ` (known: ${known.join(', ')})` : ` (did you mean "${near}"?)`;
  throw new ReplicatorError('USAGE', `${command} ${label}: no such sync or source:target${help}`);
}
