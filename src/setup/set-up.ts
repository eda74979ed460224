// Setup as the daemon does it: for the two databases of a subscription, as soon as both answer.
import { setTimeout as sleep } from 'node:timers/promises';
import PQueue from 'p-queue';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { asReplicatorError, ReplicatorError } from '../model/errors.ts';
import { Session } from '../postgres/session.ts';
import { executeSetup, planSetup } from './plan.ts';
import { recordedOrigin } from './plan-origins.ts';
import { dropBrokenSlot } from './plan-slot.ts';
import { refuseErrors } from './refuse-errors.ts';
import { lockSetup } from './setup-lock.ts';
import { sessionOf } from './setup-step.ts';

const ownPauseMs = 300;

export class Setup {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #done = new Set<string>();
  // One at a time: two subscriptions share databases, and ranks must be given once.
  readonly #queue = new PQueue({ concurrency: 1 });

  constructor(config: Config, log: Logger) {
    this.#config = config;
    this.#log = log;
  }

  /** Makes what is missing on both databases; nothing when that was done before. */
  async ensure(source: string, target: string): Promise<void> {
    const pair = `${source}:${target}`;
    if (this.#done.has(pair)) return;
    // Most often nothing is missing, and then nobody else's setup is waited for: making a slot takes
    // as long as the longest transaction.
    const both = [source, target];
    if (!(await this.#lacksAnything(both))) {
      this.#done.add(pair);
      return;
    }
    await this.#queue.add(async () => {
      await using sessions = await connectAll(this.#config, [source, target]);
      await lockSetup(sessions.byName);
      await this.#make(source, target, sessions);
    });
  }

  async #make(source: string, target: string, sessions: OpenSessions): Promise<void> {
    if (await isMissingAnything(this.#config, sessions))
      await refuseErrors(this.#config, [source, target]);
    await executeSetup(this.#config, sessions.byName, {
      onStep: ({ database, sql }) => this.#log.info({ database, sql: firstLine(sql) }, 'setup'),
      onWait: (why) => this.#log.warn(why),
    });
    this.#done.add(`${source}:${target}`);
  }

  /**
   * For a target that begins anew: makes what is missing there, and the slot of the source where that
   * is gone, lost, or older than its publication. Its other targets will see the gap.
   */
  async remake(source: string, target: string): Promise<void> {
    await this.#queue.add(async () => {
      await using sessions = await connectAll(this.#config, [source, target]);
      await lockSetup(sessions.byName);
      await dropBrokenSlot(sessionOf(sessions.byName, source));
      await this.#make(source, target, sessions);
    });
  }

  /**
   * What its own stream needs is made together with what another database needs of it: alone it would
   * give ranks that the other does not know. Returns early when `stop` is aborted.
   */
  async untilMadeForOwn(name: string, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      {
        await using sessions = await connectAll(this.#config, [name]);
        const session = sessions.byName.get(name);
        if (session !== undefined && (await recordedOrigin(session, name)) !== undefined) return;
      }
      await sleep(ownPauseMs, undefined, { signal: stop }).catch(() => {});
    }
  }

  async #lacksAnything(names: readonly string[]): Promise<boolean> {
    await using sessions = await connectAll(this.#config, names);
    return await isMissingAnything(this.#config, sessions);
  }
}

/** Whether the plan has any step. */
export async function isMissingAnything(config: Config, sessions: OpenSessions): Promise<boolean> {
  const { done } = await planSetup(config, sessions.byName).next();
  return done !== true;
}

export interface OpenSessions extends AsyncDisposable {
  readonly byName: ReadonlyMap<string, Session>;
}

/** Connects to the named databases at once. Throws the first's code with a line for each failure. */
export async function connectAll(config: Config, names: readonly string[]): Promise<OpenSessions> {
  const byName = new Map<string, Session>();
  const close = async () => {
    await Promise.all([...byName.values()].map((session) => session.close()));
  };
  const results = await Promise.allSettled(
    names.map(async (name) => {
      const database = config.databases.get(name);
      if (database === undefined)
        throw new ReplicatorError('INTERNAL', `database ${name} is not configured`);
      // Making a slot waits for every transaction that is running.
      const session = await Session.connect(database, {
        purpose: 'setup',
        name,
        replyTimeoutMs: 24 * 3_600_000,
        askAfterMs: 30_000,
      });
      byName.set(name, session);
    }),
  );
  const failed = results.flatMap((result) =>
    result.status === 'rejected' ? asReplicatorError(result.reason) : [],
  );
  const [first] = failed;
  if (first === undefined) {
    const inOrder = new Map(names.flatMap((name) => [...byName].filter(([n]) => n === name)));
    return { byName: inOrder, [Symbol.asyncDispose]: close };
  }
  await close();
  if (failed.length === 1) throw first;
  const lines = failed.map(({ message, hint }) => `${message}: ${hint}`);
  throw new ReplicatorError(first.code, lines.join('\n'), { cause: first });
}

function firstLine(sql: string): string {
  return sql.split('\n', 1)[0] ?? '';
}
