// Setup as the daemon does it: for the two databases of a subscription, as soon as both answer.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { ReplicatorError } from '../model/errors.ts';
import { type DatabaseIdentity, serverFacts } from '../postgres/server-facts.ts';
import { connectAll, type OpenSessions } from './open-sessions.ts';
import { executePlan, hasStep, planGround, planOwnSource, type SetupReport } from './plan.ts';
import { planOrigins, receivesFrom } from './plan-origins.ts';
import { dropBrokenSlot } from './plan-slot.ts';
import { refuseErrors } from './refuse-errors.ts';
import { whileSetupLocked } from './setup-lock.ts';
import { type SetupSessions, type SetupStep, sessionOf } from './setup-step.ts';

const ownPauseMs = 300;

export class Setup {
  readonly #config: Config;
  readonly #report: SetupReport;
  /** Which database the target of a pair is, once all that it needs is made. */
  readonly #done = new Map<string, DatabaseIdentity>();

  constructor(config: Config, log: Logger) {
    this.#config = config;
    this.#report = {
      onStep: ({ database, sql }) => log.info({ database, sql: firstLine(sql) }, 'setup'),
      onWait: (why) => log.warn(why),
    };
  }

  /**
   * Makes what is missing so that `target` can receive from `source`; nothing when that was done before. Tells what
   * `target` is. Throws when `stop` is aborted: the rest is made the next time.
   */
  async ensure(source: string, target: string, stop: AbortSignal): Promise<DatabaseIdentity> {
    const done = this.#done.get(`${source}:${target}`);
    if (done !== undefined) return done;
    await using open = await this.#connect([source, target], stop);
    return await this.#make(open.byName, source, target);
  }

  /**
   * For a target that begins anew: makes what is missing there, and the slot of the source where that
   * is gone, lost, or older than its publication. Its other targets will see the gap.
   */
  async remake(source: string, target: string, stop: AbortSignal): Promise<DatabaseIdentity> {
    await using open = await this.#connect([source, target], stop);
    const from = sessionOf(open.byName, source);
    const { onWait } = this.#report;
    await whileSetupLocked(new Map([[source, from]]), () => dropBrokenSlot(from), onWait);
    return await this.#make(open.byName, source, target);
  }

  async #make(sessions: SetupSessions, source: string, target: string): Promise<DatabaseIdentity> {
    await this.#makeMissing(sessions, source);
    const facts = await serverFacts(sessionOf(sessions, target));
    this.#done.set(`${source}:${target}`, facts);
    return facts;
  }

  /** Another database knows them too. */
  #hasRanks(name: string): boolean {
    return [...this.#done.keys()].some((pair) => pair.split(':').includes(name));
  }

  /**
   * In parts, each of which concerns as few databases as can be: a slot takes as long as the longest transaction, and
   * others go on meanwhile. What the target needs as a source itself is made for those that receive from it.
   */
  async #makeMissing(sessions: SetupSessions, source: string): Promise<void> {
    const config = this.#config;
    const from = sessionOf(sessions, source);
    const alone: SetupSessions = new Map([[source, from]]);
    let isChecked = false;
    const make = async (concerned: SetupSessions, plan: () => AsyncGenerator<SetupStep>) => {
      const work = async () => {
        // Somebody else may have made it meanwhile.
        if (!(await hasStep(plan()))) return;
        if (!isChecked) await refuseErrors(config, [...sessions.keys()]);
        isChecked = true;
        await executePlan(plan(), concerned, this.#report);
      };
      // Most often nothing is missing, and then nobody else's setup is waited for.
      if (!(await hasStep(plan()))) return;
      await whileSetupLocked(concerned, work, this.#report.onWait);
      if (await hasStep(plan()))
        throw new ReplicatorError('SERVER_BUSY', `${source}: its slot is being made anew`);
    };
    await make(sessions, () => planGround(config, sessions));
    await make(alone, () => planOwnSource(config, from));
    await make(alone, () => planOrigins(config, alone, [source]));
    await make(sessions, () => planOrigins(config, sessions, [source]));
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
        await using sessions = await this.#connect([name], stop);
        const session = sessions.byName.get(name);
        // It was made, and dropped since by an owner whose file does not have it.
        if (session !== undefined && this.#hasRanks(name))
          await this.#makeMissing(sessions.byName, name);
        if (session !== undefined && (await receivesFrom(session, name))) return;
      }
      await sleep(ownPauseMs, undefined, { signal: stop }).catch(() => {});
    }
  }
}

function firstLine(sql: string): string {
  return sql.split('\n', 1)[0] ?? '';
}
