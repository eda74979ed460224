// What has to be made on the servers, as a list of SQL that can be printed or executed. It is
// computed from what is there, so running it twice makes nothing twice.
import type { Config } from '../config/config.ts';
import { describeLongestTransaction } from './longest-transaction.ts';
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

export interface SetupReport {
  /** Before each step. */
  readonly onStep: (step: SetupStep) => void;
  /** A step waits, most likely for somebody's open transaction. */
  readonly onWait: (why: string) => void;
}

const patienceMs = 5_000;

/** Executes the plan. */
export async function executeSetup(
  config: Config,
  sessions: SetupSessions,
  { onStep, onWait }: SetupReport,
): Promise<void> {
  for await (const step of planSetup(config, sessions)) {
    onStep(step);
    const session = sessionOf(sessions, step.database);
    const waiting = setInterval(() => {
      describeLongestTransaction(session.database).then(
        (why) => why !== undefined && onWait(why),
        () => {},
      );
    }, patienceMs);
    try {
      await session.query(step.sql, (await step.values?.()) ?? []);
    } finally {
      clearInterval(waiting);
    }
  }
}
