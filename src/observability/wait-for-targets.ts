// Until every target has what was committed on every source before now.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config, SubscriptionConfig } from '../config/config.ts';
import { ReplicatorError } from '../model/errors.ts';
import { formatLsn, type Lsn, parseLsn } from '../model/lsn.ts';
import { endOfWal } from '../postgres/end-of-wal.ts';
import { subscriptionName } from '../postgres/object-names.ts';
import type { Session } from '../postgres/session.ts';
import type { Deadline } from './deadline.ts';
import { readStates } from './subscription-state.ts';

const pollMs = 25;
/** They are only told, and cost more to ask for than a position. */
const statesMs = 1_000;
const silence = 'is a synchronous standby away, or a table of schema replicator locked?';

/**
 * Writes the marker on each source, which makes progress be stored on each target even when there
 * is nothing else to do, and waits for it. Throws TIMEOUT naming who is behind, and in which state.
 */
export async function waitForTargets(
  config: Pick<Config, 'subscriptions'>,
  sessions: ReadonlyMap<string, Session>,
  deadline: Deadline,
): Promise<void> {
  const goals = new Map<string, Lsn>();
  for (const { source } of config.subscriptions) {
    const session = sessions.get(source);
    if (goals.has(source) || session === undefined) continue;
    goals.set(
      source,
      await deadline.bound(mark(session), `${source} has not committed the marker`, silence),
    );
  }
  let behind = config.subscriptions;
  let states: States = new Map();
  let statesDue = 0;
  const named = (each: SubscriptionConfig) => {
    const state = states.get(each.source)?.get(each.target);
    return state === undefined ? subscriptionName(each) : `${subscriptionName(each)} (${state})`;
  };
  const areBehind = () => `still behind: ${behind.map(named).join(', ')}`;
  const isBehind = async (subscription: SubscriptionConfig) => {
    const goal = goals.get(subscription.source);
    const target = sessions.get(subscription.target);
    if (goal === undefined || target === undefined) return true;
    return (await progressOf(target, subscription.source)) < goal;
  };
  while (behind.length > 0) {
    const still = await deadline.bound(Promise.all(behind.map(isBehind)), areBehind());
    behind = behind.filter((_, i) => still[i]);
    if (behind.length === 0) break;
    if (performance.now() >= statesDue) {
      states = await deadline.bound(statesOf(behind, sessions), areBehind());
      statesDue = performance.now() + statesMs;
    }
    await deadline.bound(sleep(pollMs), areBehind());
  }
  const targets = new Set(config.subscriptions.map(({ target }) => target));
  const securing = [...targets].map((target) =>
    deadline.bound(
      secure(sessions.get(target)),
      `${target} has not made durable what it has`,
      silence,
    ),
  );
  await Promise.all(securing);
}

/** By source, then by target. */
type States = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Only for the message: what cannot be read is not told. */
async function statesOf(
  subscriptions: readonly SubscriptionConfig[],
  sessions: ReadonlyMap<string, Session>,
): Promise<States> {
  const sources = [...new Set(subscriptions.map(({ source }) => source))];
  return new Map(
    await Promise.all(
      sources.map(async (name) => {
        const session = sessions.get(name);
        const states = session && (await readStates(session).catch(() => undefined));
        return [name, states ?? new Map<string, string>()] as const;
      }),
    ),
  );
}

/** A position at or after the end of every commit that has returned on the source. */
async function mark(session: Session): Promise<Lsn> {
  const lsn = await endOfWal(session).catch(isStandby(session));
  await session.query('update replicator.marker set marked = marked + 1').catch(notSetUp(session));
  return lsn;
}

async function progressOf(target: Session, source: string): Promise<Lsn> {
  const [row] = await target
    .query<{ lsn: string }>('select lsn::text as lsn from replicator.progress where source = $1', [
      source,
    ])
    .catch(notSetUp(target));
  return parseLsn(row?.lsn ?? formatLsn(0n));
}

/**
 * What is seen there may not be on disk yet, and whoever waits may be about to give up the source. The commit
 * of a lock waits for all WAL before its own, and for synchronous standbys; none of ours waits for the lock.
 */
async function secure(target: Session | undefined): Promise<void> {
  await target?.transaction(async () => {
    await target.query('set local synchronous_commit to on');
    await target.query('select from replicator.progress limit 1 for key share');
  });
}

function isStandby({ database: { name } }: Session) {
  return (error: unknown): never => {
    if (!(error instanceof ReplicatorError) || error.sqlstate !== '55000') throw error;
    throw new ReplicatorError('READ_ONLY', `${name}: is a standby and cannot be written to`, {
      hint: `let databases.${name} point to the primary`,
    });
  };
}

function notSetUp(session: Session) {
  return (error: unknown): never => {
    if (
      error instanceof ReplicatorError &&
      (error.sqlstate === '42P01' || error.sqlstate === '3F000')
    )
      throw new ReplicatorError(
        'NOT_SET_UP',
        `${session.database.name}: schema replicator is missing`,
      );
    throw error;
  };
}
