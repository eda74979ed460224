// `replicator pause|resume <sync | source:target>`: recorded on the sources, so also without a daemon.
import { asReplicatorError, ReplicatorError } from '../model/errors.ts';
import { subscriptionName } from '../postgres/object-names.ts';
import { connectEach } from '../setup/open-sessions.ts';
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

/** A source that is away keeps none of the others from being told. Throws naming those that were not. */
function wish(kind: 'pause' | 'resume'): Command['handler'] {
  return async ({ flags, loadConfig, format }) => {
    const config = await loadConfig();
    const meant = meantSubscriptions(config, flags['what'], kind);
    const sources = [...new Set(meant.map(({ source }) => source))];
    await using sessions = await connectEach(config, sources);
    const failed = new Map<string, ReplicatorError>();
    await Promise.all(
      meant.map(async (each) => {
        try {
          const session = sessions.byName.get(each.source);
          if (session === undefined) throw sessions.failed.get(each.source);
          await recordWish(session, each.target, kind);
        } catch (error) {
          failed.set(subscriptionName(each), asReplicatorError(error));
        }
      }),
    );
    const names = meant.map(subscriptionName);
    const done = names.filter((name) => !failed.has(name));
    if (done.length > 0 && format !== 'table') printData(format, { [`${kind}d`]: done });
    else for (const name of done) print(`${name}: ${kind}d`);
    if (failed.size > 0) throw notDone(kind, failed);
    return 0;
  };
}

/** With a line for each reason: all subscriptions of a source that is away share it. */
function notDone(
  kind: 'pause' | 'resume',
  failed: ReadonlyMap<string, ReplicatorError>,
): ReplicatorError {
  const errors = [...new Set(failed.values())];
  const lines = errors.map((error) => {
    const names = [...failed].filter(([, each]) => each === error).map(([name]) => name);
    const line = `${names.join(', ')} not ${kind}d: ${error.message}`;
    return errors.length === 1 ? line : `${line}: ${error.hint}`;
  });
  const [first] = errors;
  const { code, hint } = asReplicatorError(first);
  return new ReplicatorError(code, lines.join('\n'), { cause: first, hint });
}
