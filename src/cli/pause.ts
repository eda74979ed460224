// `replicator pause|resume <sync | source:target>`: recorded on the sources, so also without a daemon.
import { subscriptionName } from '../postgres/object-names.ts';
import { connectAll } from '../setup/open-sessions.ts';
import { sessionOf } from '../setup/setup-step.ts';
import { recordWish } from '../subscription/record-wish.ts';
import type { Command } from './command.ts';
import { meantSubscriptions } from './meant-subscriptions.ts';
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
    const config = await loadConfig();
    const meant = meantSubscriptions(config, flags['what'], kind);
    const sources = [...new Set(meant.map(({ source }) => source))];
    await using sessions = await connectAll(config, sources);
    for (const { source, target } of meant)
      await recordWish(sessionOf(sessions.byName, source), target, kind);
    const names = meant.map(subscriptionName);
    if (format !== 'table') printData(format, { [`${kind}d`]: names });
    else for (const name of names) print(`${name}: ${kind}d`);
    return 0;
  };
}
