// `replicator resync <sync | source:target>`: the gap is known, begin anew. Recorded on the source like a
// pause, and done by whoever replicates, as soon as the target's tables are empty.
import type { Config, SubscriptionConfig } from '../config/config.ts';
import { mergeSyncs } from '../config/merge-syncs.ts';
import { writersOf } from '../config/writers.ts';
import { ReplicatorError } from '../model/errors.ts';
import { tableLabel } from '../model/relation.ts';
import { listTables } from '../postgres/catalog.ts';
import { subscriptionName } from '../postgres/object-names.ts';
import type { Session } from '../postgres/session.ts';
import { connectAll } from '../setup/open-sessions.ts';
import { sessionOf } from '../setup/setup-step.ts';
import { askToResync, cancelResync } from '../subscription/record-wish.ts';
import type { Command } from './command.ts';
import { meantSubscriptions } from './meant-subscriptions.ts';
import { type OutputFormat, print, printData, printError } from './output.ts';

export const resync: Command = {
  name: 'resync',
  positionals: ['what'],
  describe: 'fill the target anew where changes are lost; its tables must be emptied',
  options: { cancel: { type: 'boolean', describe: 'take it back, as long as it has not begun' } },
  async handler({ flags, loadConfig, format }) {
    const config = await loadConfig();
    const meant = meantSubscriptions(config, flags['what'], 'resync');
    const sources = [...new Set(meant.map(({ source }) => source))];
    await using sessions = await connectAll(config, sources);
    const sourceOf = ({ source }: SubscriptionConfig) => sessionOf(sessions.byName, source);
    if (flags['cancel'] === true) return await takeBack(meant, sourceOf, format);
    for (const each of meant) await refuseContested(config, each, sourceOf(each));
    for (const each of meant) await askToResync(sourceOf(each), each.target);
    const names = meant.map(subscriptionName);
    if (format !== 'table') printData(format, { resync: names });
    else
      for (const { source, target } of meant)
        print(
          `${source}:${target}: begins anew once its tables on ${target} are empty, see \`replicator status\``,
        );
    return 0;
  },
};

async function takeBack(
  meant: readonly SubscriptionConfig[],
  sourceOf: (subscription: SubscriptionConfig) => Session,
  format: OutputFormat,
): Promise<number> {
  const cancelled: string[] = [];
  for (const each of meant)
    if (await cancelResync(sourceOf(each), each.target)) cancelled.push(subscriptionName(each));
  if (format !== 'table') printData(format, { cancelled });
  else for (const name of cancelled) print(`${name}: does not begin anew`);
  const others = meant.map(subscriptionName).filter((name) => !cancelled.includes(name));
  if (others.length > 0)
    printError(`replicator: ${others.join(', ')}: no resync was asked for, or it has begun`);
  return others.length > 0 ? 1 : 0;
}

/**
 * To empty a table that another database writes to as well would lose that one's rows here, or carry
 * the loss to the others.
 */
async function refuseContested(
  config: Config,
  subscription: SubscriptionConfig,
  source: Session,
): Promise<void> {
  const { target } = subscription;
  for (const { table } of mergeSyncs(subscription, await listTables(source)).values()) {
    const writers = writersOf(config, target, table);
    if (writers.length < 2) continue;
    throw new ReplicatorError(
      'USAGE',
      `resync ${subscriptionName(subscription)}: ${writers.join(', ')} all write to ${tableLabel(table)} on ${target}, so it cannot be filled anew from one of them`,
      { hint: 'take it out and add it again: docs/how-to/fill-a-target-anew.md' },
    );
  }
}
