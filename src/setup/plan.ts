// What has to be made on the servers, as a list of SQL that can be printed or executed. It is
// computed from what is there, so running it twice makes nothing twice.
import type { Config } from '../config/config.ts';
import type { Session } from '../postgres/session.ts';
import { describeBlocker, tellWhoHoldsUp } from '../postgres/who-holds-up.ts';
import { planOrigins } from './plan-origins.ts';
import { planPublication } from './plan-publication.ts';
import { planRanks } from './plan-ranks.ts';
import { planSchema } from './plan-schema.ts';
import { planSlot } from './plan-slot.ts';
import { type SetupSessions, type SetupStep, sessionOf } from './setup-step.ts';

/**
 * Looks at the databases and yields what is missing, in an order in which it can be executed: each
 * step must have run before the next is asked for, unless it is only to be shown.
 * Throws ReplicatorError when something is there that is not ours.
 */
export async function* planSetup(
  config: Config,
  sessions: SetupSessions,
): AsyncGenerator<SetupStep> {
  yield* planGround(config, sessions);
  for (const session of sessions.values()) yield* planOwnSource(config, session);
  yield* planOrigins(config, sessions, [...sessions.keys()]);
}

/** What everything else stands on. */
export async function* planGround(
  config: Config,
  sessions: SetupSessions,
): AsyncGenerator<SetupStep> {
  for (const session of sessions.values()) yield* planSchema(config, session);
  yield* planRanks(config, sessions);
}

/** What a database needs so that it can be read, if the file has it as a source. */
export async function* planOwnSource(config: Config, session: Session): AsyncGenerator<SetupStep> {
  if (!config.subscriptions.some(({ source }) => source === session.database.name)) return;
  // Decoding looks the publication up as it was at each change, so it must be older than the slot.
  yield* planPublication(config, session);
  yield* planSlot(session);
}

/** Whether the plan has any step. */
export async function hasStep(plan: AsyncGenerator<SetupStep>): Promise<boolean> {
  const { done } = await plan.next();
  return done !== true;
}

export interface SetupReport {
  /** Before each step. */
  readonly onStep: (step: SetupStep) => void;
  /** A step waits, most likely for somebody's open transaction. */
  readonly onWait: (why: string) => void;
}

export async function executePlan(
  plan: AsyncGenerator<SetupStep>,
  sessions: SetupSessions,
  { onStep, onWait }: SetupReport,
): Promise<void> {
  for await (const step of plan) {
    onStep(step);
    const session = sessionOf(sessions, step.database);
    const describe = (other: Session) => describeBlocker(other, session.pid);
    using _telling = tellWhoHoldsUp(session.database, describe, onWait);
    await session.query(step.sql, (await step.values?.()) ?? []);
  }
}
