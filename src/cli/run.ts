// `replicator run`: the daemon.
import { createLogger } from '../observability/logger.ts';
import { Replicator } from '../replicator.ts';
import type { Command } from './command.ts';
import { endProgress, formatBytes, printProgress } from './output.ts';

export const run: Command = {
  name: 'run',
  describe: 'keep the databases in sync until stopped (SIGTERM drains, a second one stops at once)',
  async handler({ loadConfig }) {
    const config = await loadConfig();
    const log = createLogger(config.log.level);
    for (const warning of config.warnings) log.warn(warning);
    const replicator = new Replicator({
      config,
      log,
      onCopyProgress: (subscription, { table, bytes, done }) => {
        if (done) endProgress();
        else printProgress(`${subscription}  copying ${table}  ${formatBytes(bytes)}`);
      },
    });
    const stop = (signal: NodeJS.Signals) => {
      log.info({ signal }, 'stopping');
      replicator.stop();
    };
    process.once('SIGTERM', stop).once('SIGINT', stop);
    await replicator.run();
    return 0;
  },
};
