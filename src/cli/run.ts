// `replicator run`: the daemon, which begins anew with the file as it is on SIGHUP.
import { setFlagsFromString } from 'node:v8';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { didYouMean } from '../config/did-you-mean.ts';
import { nameLabel } from '../config/label.ts';
import { asReplicatorError, ReplicatorError } from '../model/errors.ts';
import { LogOutput } from '../observability/log-output.ts';
import { createLogger } from '../observability/logger.ts';
import { Replicator } from '../replicator.ts';
import type { Command, Flags } from './command.ts';
import { endProgress, formatBytes, printError, printProgress } from './output.ts';

/**
 * By how much the heap may grow over what was alive in it until it is collected. Of what is read little is alive a
 * moment later, and V8 would let it grow fourfold: 60 to 100 MB more under load, and not faster.
 */
const heapGrowingPercent = 100;

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
    setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`);
    const config = await loadConfig();
    const output = new LogOutput(1, (why) =>
      printError(`replicator: log lines cannot be written: ${why}`),
    );
    const log = createLogger(config.log.level, output);
    for (const warning of config.warnings) log.warn(warning);
    const daemon = new Daemon({ config, log, sourcesOf: (next) => sourcesOf(flags, next) });
    process.on('SIGHUP', async () => {
      try {
        daemon.beginAnew(await loadConfig());
      } catch (error) {
        log.error({ hint: 'the running configuration stays' }, asReplicatorError(error).message);
      }
    });
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => {
        log.info({ signal }, 'stopping');
        daemon.stop();
      });
    await daemon.run();
    return 0;
  },
};

interface DaemonOptions {
  readonly config: Config;
  readonly log: Logger;
  /** Throws USAGE where the file does not have what was asked for. */
  readonly sourcesOf: (config: Config) => readonly string[] | undefined;
}

/** One replicator after the other, each with the file as it was when it began. */
class Daemon {
  readonly #options: DaemonOptions;
  readonly #givenUp: Promise<void>;
  #giveUp = () => {};
  #config: Config;
  #replicator: Replicator;
  #next: Config | undefined;
  #stopping = false;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#givenUp = new Promise((resolve) => {
      this.#giveUp = resolve;
    });
    this.#config = options.config;
    this.#replicator = this.#replicatorOf(options.config);
  }

  async run(): Promise<void> {
    while (true) {
      await Promise.race([this.#replicator.run(), this.#givenUp]);
      if (this.#stopping || this.#next === undefined) return;
      this.#config = this.#next;
      this.#next = undefined;
      this.#replicator = this.#replicatorOf(this.#config);
    }
  }

  /** What is on its way is finished with the file as it was. Throws USAGE, and goes on as before. */
  beginAnew(config: Config): void {
    const { log, sourcesOf } = this.#options;
    sourcesOf(config);
    for (const warning of config.warnings) log.warn(warning);
    log.level = config.log.level;
    log.info({ config: config.file }, 'the file was read again, beginning anew');
    this.#next = config;
    this.#replicator.stop();
  }

  stop(): void {
    this.#stopping = true;
    this.#replicator.stop();
    // What does not end by then is given up with its connection: the server rolls it back.
    setTimeout(this.#giveUp, this.#config.shutdownTimeoutMs - closingMs).unref();
  }

  #replicatorOf(config: Config): Replicator {
    const sources = this.#options.sourcesOf(config);
    return new Replicator({
      config,
      ...(sources !== undefined && { sources }),
      log: this.#options.log,
      onCopyProgress: (subscription, { table, bytes, done }) => {
        if (done) endProgress();
        else printProgress(`${subscription}  copying ${table}  ${formatBytes(bytes)}`);
      },
    });
  }
}

function sourcesOf(flags: Flags, config: Config): readonly string[] | undefined {
  const name = flags['source'];
  if (typeof name !== 'string') return undefined;
  const sources = [...new Set(config.subscriptions.map(({ source }) => source))];
  if (sources.includes(name)) return [name];
  throw new ReplicatorError(
    'USAGE',
    `--source ${nameLabel(name)} is not a source of the file${didYouMean(name, sources)}`,
  );
}
