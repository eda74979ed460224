// What has to be made on the servers, as a list of SQL that can be printed or executed. It is
// computed from what is there, so running it twice makes nothing twice.
import type { Config } from '../config/config.ts';
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
  for (const session of sessions.values()) yield* planSchema(session);
  yield* planRanks(config, sessions);
  for (const session of sessions.values()) {
    const source = session.database.name;
    if (!config.subscriptions.some((subscription) => subscription.source === source)) continue;
    // Decoding looks the publication up as it was at each change, so it must be older than the slot.
    yield* planPublication(config, session);
    yield* planSlot(session);
  }
  yield* planOrigins(config, sessions);
}

/** Executes the plan; `onStep` is told of each step before it runs. */
export async function executeSetup(
  config: Config,
  sessions: SetupSessions,
  onStep: (step: SetupStep) => void,
): Promise<void> {
  for await (const step of planSetup(config, sessions)) {
    onStep(step);
    const values = (await step.values?.()) ?? [];
    await sessionOf(sessions, step.database).query(step.sql, values);
  }
}
