// Until every table that a subscription is to carry has joined it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { subscriptionName } from '../postgres/object-names.ts';
import type { Session } from '../postgres/session.ts';
import type { Deadline } from './deadline.ts';
import { joinedTables, waitingTables } from './waiting-tables.ts';

const pollMs = 500;
const hint =
  'a table joins when `run` starts, or begins anew at `kill -HUP`; its log says why one did not';

/** Throws TIMEOUT naming those that have not: nothing of what is written there arrives. */
export async function waitForTables(
  config: Pick<Config, 'subscriptions'>,
  sessions: ReadonlyMap<string, Session>,
  deadline: Deadline,
): Promise<void> {
  let what = 'it is not known which tables are replicated';
  let waiting = await deadline.bound(notJoined(config, sessions), what, hint);
  while (waiting.length > 0) {
    what = `not replicated: ${waiting.join('; ')}`;
    await deadline.bound(sleep(pollMs), what, hint);
    waiting = await deadline.bound(notJoined(config, sessions), what, hint);
  }
}

/** Of each subscription that has any: its name, and their labels. */
async function notJoined(
  { subscriptions }: Pick<Config, 'subscriptions'>,
  sessions: ReadonlyMap<string, Session>,
): Promise<string[]> {
  const found: string[] = [];
  for (const subscription of subscriptions) {
    const source = sessions.get(subscription.source);
    const target = sessions.get(subscription.target);
    if (source === undefined || target === undefined) continue;
    const joined = (await joinedTables(target)).get(subscription.source) ?? [];
    const labels = await waitingTables(subscription, source, joined);
    if (labels.length > 0) found.push(`${subscriptionName(subscription)}: ${labels.join(', ')}`);
  }
  return found;
}
