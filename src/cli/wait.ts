// `replicator wait`: for scripts, tests and cut-overs.
import { parseDurationMs } from '../config/units.ts';
import { ReplicatorError } from '../model/errors.ts';
import { Deadline } from '../observability/deadline.ts';
import { waitForTables } from '../observability/wait-for-tables.ts';
import { waitForTargets } from '../observability/wait-for-targets.ts';
import { connectAll } from '../setup/open-sessions.ts';
import type { Command } from './command.ts';

const defaultTimeoutMs = 30_000;

export const wait: Command = {
  name: 'wait',
  describe: 'return once every target has all that was committed on every source until now',
  options: {
    timeout: { type: 'string', describe: 'give up with exit code 75 after this long (30s)' },
  },
  async handler({ flags, loadConfig }) {
    const config = await loadConfig();
    const deadline = new Deadline(timeoutOf(flags['timeout']));
    // What is connected after that ends with the process.
    const names = [...config.databases.keys()];
    await using sessions = await deadline.bound(connectAll(config, names), 'still connecting');
    await waitForTargets(config, sessions.byName, deadline);
    await waitForTables(config, sessions.byName, deadline);
    return 0;
  },
};

function timeoutOf(flag: string | boolean | undefined): number {
  if (typeof flag !== 'string') return defaultTimeoutMs;
  try {
    return parseDurationMs(flag);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ReplicatorError('USAGE', `--timeout ${flag}: ${why}`);
  }
}
