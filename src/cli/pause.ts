// `replicator pause|resume <sync | source:target>`: recorded on the sources, so also without a daemon.
import type { Config, SubscriptionConfig } from '../config/config.ts';
import { nearestName } from '../config/did-you-mean.ts';
import { nameLabel } from '../config/label.ts';
import { ReplicatorError } from '../model/errors.ts';
import { subscriptionName } from '../postgres/object-names.ts';
import { connectAll } from '../setup/set-up.ts';
import { recordWish } from '../subscription/record-wish.ts';
import type { Command } from './command.ts';
import { print, printData } from './output.ts';

export const pause: Command = {
  name: 'pause',
  positionals: ['what'],
  describe: 'let a sync or a source:target rest; its source keeps what it misses',
  handler: wish('pause'),
};

export const resume: Command = {
  name: 'resume',
  positionals: ['what'],
  describe: 'end a pause, or make one that has failed look again at once',
  handler: wish('resume'),
};

function wish(kind: 'pause' | 'resume'): Command['handler'] {
  return async ({ flags, loadConfig, format }) => {
    const word = flags['what'];
    if (typeof word !== 'string' || word === '')
      throw new ReplicatorError('USAGE', `${kind}: name a sync or a source:target`);
    const meant = subscriptionsOf(await loadConfig(), word, kind);
    const sources = [...new Set(meant.subscriptions.map(({ source }) => source))];
    await using sessions = await connectAll(meant.config, sources);
    for (const { source, target } of meant.subscriptions) {
      const session = sessions.byName.get(source);
      if (session !== undefined) await recordWish(session, target, kind);
    }
    const names = meant.subscriptions.map(subscriptionName);
    if (format !== 'table') printData(format, { [`${kind}d`]: names });
    else for (const name of names) print(`${name}: ${kind}d`);
    return 0;
  };
}

/** A subscription carries all syncs of its pair: it rests with the first of them. */
function subscriptionsOf(config: Config, word: string, kind: string) {
  const subscriptions = config.subscriptions.filter(
    (each: SubscriptionConfig) =>
      subscriptionName(each) === word || each.syncs.some(({ name }) => name === word),
  );
  if (subscriptions.length > 0) return { config, subscriptions };
  const known = [
    ...config.syncs.map(({ name }) => name),
    ...config.subscriptions.map(subscriptionName),
  ];
  const label = word.split(':').map(nameLabel).join(':');
  const near = nearestName(word, known);
  const help = near === undefined ? ` (known: ${known.join(', ')})` : ` (did you mean "${near}"?)`;
  throw new ReplicatorError('USAGE', `${kind} ${label}: no such sync or source:target${help}`);
}
