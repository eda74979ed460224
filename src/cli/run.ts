// `replicator run`: the daemon.
import type { Config } from '../config/config.ts';
import { didYouMean } from '../config/did-you-mean.ts';
import { nameLabel } from '../config/label.ts';
import { asReplicatorError, ReplicatorError } from '../model/errors.ts';
import { createLogger } from '../observability/logger.ts';
import { Replicator } from '../replicator.ts';
import type { Command, Flags } from './command.ts';
import { endProgress, formatBytes, printProgress } from './output.ts';

/** What is left of `shutdown_timeout` for the process itself to end. */
const closingMs = 1_500;

export const run: Command = {
  name: 'run',
  describe: 'keep the databases in sync until stopped (SIGTERM drains, a second one stops at once)',
  options: {
    source: {
      type: 'string',
      describe: 'only what this database writes, as a process beside it does; else every source',
    },
  },
  async handler({ flags, loadConfig }) {
    const config = await loadConfig();
    const source = sourceOf(flags, config);
    const log = createLogger(config.log.level);
    for (const warning of config.warnings) log.warn(warning);
    process.on('SIGHUP', async () => {
      try {
        log.level = (await loadConfig()).log.level;
        log.info({ level: log.level }, 'log level read again');
      } catch (error) {
        log.error({ hint: 'the running configuration stays' }, asReplicatorError(error).message);
      }
    });
    const replicator = new Replicator({
      config,
      ...(source !== undefined && { sources: [source] }),
      log,
      onCopyProgress: (subscription, { table, bytes, done }) => {
        if (done) endProgress();
        else printProgress(`${subscription}  copying ${table}  ${formatBytes(bytes)}`);
      },
    });
    const stopped = new Promise<void>((resolve) => {
      const stop = (signal: NodeJS.Signals) => {
        log.info({ signal }, 'stopping');
        replicator.stop();
        // What does not end by then is given up with its connection: the server rolls it back.
        setTimeout(resolve, config.shutdownTimeoutMs - closingMs).unref();
      };
      process.once('SIGTERM', stop).once('SIGINT', stop);
    });
    await Promise.race([replicator.run(), stopped]);
    return 0;
  },
};

function sourceOf(flags: Flags, config: Config): string | undefined {
  const name = flags['source'];
  if (typeof name !== 'string') return undefined;
  const sources = [...new Set(config.subscriptions.map(({ source }) => source))];
  if (sources.includes(name)) return name;
  throw new ReplicatorError(
    'USAGE',
    `--source ${nameLabel(name)} is not a source of the file${didYouMean(name, sources)}`,
  );
}
