// Setup as the daemon does it: for the two databases of a subscription, as soon as both answer.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { ReplicatorError } from '../model/errors.ts';
import type { Session } from '../postgres/session.ts';
import { connectAll, type OpenSessions } from './open-sessions.ts';
import {
  executePlan,
  isMissingAnything,
  planGround,
  planOwnSource,
  type SetupReport,
} from './plan.ts';
import { planOrigins, recordedOrigin } from './plan-origins.ts';
import { dropBrokenSlot } from './plan-slot.ts';
import { refuseErrors } from './refuse-errors.ts';
import { whileSetupLocked } from './setup-lock.ts';
import { type SetupSessions, type SetupStep, sessionOf } from './setup-step.ts';

const ownPauseMs = 300;

export class Setup {
  readonly #config: Config;
  readonly #report: SetupReport;
  readonly #done = new Set<string>();

  constructor(config: Config, log: Logger) {
    this.#config = config;
    this.#report = {
      onStep: ({ database, sql }) => log.info({ database, sql: firstLine(sql) }, 'setup'),
      onWait: (why) => log.warn(why),
    };
  }

  /**
   * Makes what is missing on both databases; nothing when that was done before. Throws when `stop` is
   * aborted: the rest is made the next time.
   */
  async ensure(source: string, target: string, stop: AbortSignal): Promise<void> {
    const pair = `${source}:${target}`;
    if (this.#done.has(pair)) return;
    await using open = await this.#connect([source, target], stop);
    await this.#makeMissing(open.byName);
    this.#done.add(pair);
  }

  /**
   * For a target that begins anew: makes what is missing there, and the slot of the source where that
   * is gone, lost, or older than its publication. Its other targets will see the gap.
   */
  async remake(source: string, target: string, stop: AbortSignal): Promise<void> {
    await using open = await this.#connect([source, target], stop);
    const from = sessionOf(open.byName, source);
    await this.#whileLocked(onlyOne(source, from), () => dropBrokenSlot(from));
    await this.#makeMissing(open.byName);
    this.#done.add(`${source}:${target}`);
  }

  async #makeMissing(sessions: SetupSessions): Promise<void> {
    const config = this.#config;
    // Most often nothing is, and then nobody else's setup is waited for.
    if (!(await isMissingAnything(config, sessions))) return;
    await this.#whileLocked(sessions, async () => {
      // Somebody else may have made it meanwhile.
      if (await isMissingAnything(config, sessions))
        await refuseErrors(config, [...sessions.keys()]);
      await executePlan(planGround(config, sessions), sessions, this.#report);
    });
    // A slot takes as long as the longest transaction: what needs other databases only goes on meanwhile.
    for (const [name, session] of sessions)
      await this.#execute(onlyOne(name, session), planOwnSource(config, session));
    await this.#execute(sessions, planOrigins(config, sessions));
    if (await isMissingAnything(config, sessions))
      throw new ReplicatorError('SERVER_BUSY', `${[...sessions.keys()]}: set up anew meanwhile`);
  }

  async #execute(sessions: SetupSessions, plan: AsyncGenerator<SetupStep>): Promise<void> {
    await this.#whileLocked(sessions, () => executePlan(plan, sessions, this.#report));
  }

  async #whileLocked(sessions: SetupSessions, work: () => Promise<void>): Promise<void> {
    await whileSetupLocked(sessions, work, this.#report.onWait);
  }

  async #connect(names: readonly string[], stop: AbortSignal): Promise<OpenSessions> {
    const open = await connectAll(this.#config, names);
    const giveUp = () => {
      for (const session of open.byName.values()) session.destroy();
    };
    if (stop.aborted) giveUp();
    stop.addEventListener('abort', giveUp, { once: true });
    return {
      byName: open.byName,
      [Symbol.asyncDispose]: async () => {
        stop.removeEventListener('abort', giveUp);
        await open[Symbol.asyncDispose]();
      },
    };
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
}

function onlyOne(name: string, session: Session): SetupSessions {
  return new Map([[name, session]]);
}

function firstLine(sql: string): string {
  return sql.split('\n', 1)[0] ?? '';
}
