// The state of everything, asked of the databases themselves, so that it is true also when the
// daemon is down.
import type { Config, DatabaseConfig, SubscriptionConfig } from '../config/config.ts';
import { asReplicatorError, givenUpError, ReplicatorError } from '../model/errors.ts';
import { subscriptionName } from '../postgres/object-names.ts';
import { Session } from '../postgres/session.ts';
import { lagOf } from './lag.ts';
import { readSourceStatus, type SourceStatus } from './read-source-status.ts';
import { readStandbyStatus } from './read-standby-status.ts';
import { readTargetStatus, type TargetStatus } from './read-target-status.ts';
import type {
  HeldDeletes,
  LastError,
  StandbyStatus,
  Status,
  SubscriptionStatus,
} from './status.ts';
import { type RecordedState, stateOf } from './subscription-state.ts';
import { type JoinedTable, waitingTables } from './waiting-tables.ts';

interface Answer {
  readonly session: Session | undefined;
  readonly source: SourceStatus | undefined;
  readonly target: TargetStatus | undefined;
  readonly standbys: readonly StandbyStatus[];
  /** It answers, be it that it refuses what it is asked. */
  readonly reachable: boolean;
  readonly error: ReplicatorError | undefined;
}

export async function readStatus(config: Config): Promise<Status> {
  // In the file's order, whoever answers first.
  const answers = new Map(
    await Promise.all(
      [...config.databases.values()].map(
        async (database) => [database.name, await ask(database, config.slots.giveUpBytes)] as const,
      ),
    ),
  );
  try {
    const subscriptions = await Promise.all(
      config.subscriptions.map((subscription) => describe(subscription, answers)),
    );
    const own = await Promise.all(
      config.ownStreams.map((name) => describe({ source: name, target: name, syncs: [] }, answers)),
    );
    // Nobody waits for them, so they are only worth a word where they do not go on.
    subscriptions.push(...own.filter(({ state }) => state === 'failed' || state === 'waiting'));
    const slots = [...answers.values()].flatMap(({ source }) => source?.slots ?? []);
    return {
      healthy:
        subscriptions.every(({ healthy }) => healthy) &&
        slots.every(({ walStatus }) => walStatus !== 'lost' && walStatus !== 'unreserved'),
      subscriptions,
      slots,
      owners: [...answers.values()].flatMap(({ source }) => source?.owner ?? []),
      differences: [...answers.values()].flatMap(({ source }) => source?.differences ?? []),
      heldDeletes: [...answers].flatMap(([database, { target }]) =>
        heldDeletes(config, database, target),
      ),
      standbys: [...answers.values()].flatMap(({ standbys }) => standbys),
      databases: [...answers].map(([database, { reachable, error }]) => ({
        database,
        reachable,
        code: error?.code ?? null,
        error: error?.message ?? null,
      })),
    };
  } finally {
    await Promise.all([...answers.values()].map(({ session }) => session?.close()));
  }
}

async function ask(database: DatabaseConfig, giveUpBytes: number | undefined): Promise<Answer> {
  let session: Session | undefined;
  try {
    session = await Session.connect(database, { purpose: 'status', name: database.name });
    const source = await readSourceStatus(session, giveUpBytes);
    const target = await readTargetStatus(session);
    const standbys = await readStandbyStatus(session, database);
    return { session, source, target, standbys, reachable: true, error: undefined };
  } catch (error) {
    const reachable = session?.lost.aborted === false;
    await session?.close();
    const nothing = { session: undefined, source: undefined, target: undefined, standbys: [] };
    return { ...nothing, reachable, error: asReplicatorError(error) };
  }
}

async function describe(
  subscription: SubscriptionConfig,
  answers: ReadonlyMap<string, Answer>,
): Promise<SubscriptionStatus> {
  const from = answers.get(subscription.source);
  const to = answers.get(subscription.target);
  const recorded = from?.source?.subscriptions.get(subscription.target);
  const progress = to?.target?.progress.get(subscription.source);
  const slot = from?.source?.slots.find(({ target }) => target === subscription.target);
  const state = shownState(from, to, recorded);
  // Of the slot of all it does not take part any more.
  const slotOf = slot?.target ?? (recorded?.placeLost === true ? undefined : null);
  const lag = lagOf(from?.source, slotOf, progress);
  const joined = to?.target?.tables.get(subscription.source) ?? [];
  const conflictCounts = to?.target?.conflictCounts.get(subscription.source) ?? [];
  // It alone is wrong, say by syncs that disagree; the others are shown.
  const waiting = await knownToWait(subscription, from?.session, joined, state).catch(
    (error: unknown) => asReplicatorError(error),
  );
  const failure = waiting instanceof ReplicatorError ? waiting : undefined;
  const broken = givenUp(subscription, recorded?.givenUpAt ?? null) ?? recorded?.error ?? null;
  return {
    subscription: subscriptionName(subscription),
    source: subscription.source,
    target: subscription.target,
    state,
    healthy:
      failure === undefined && (state === 'streaming' || state === 'copying' || state === 'paused'),
    detached: slot !== undefined,
    ...lag,
    appliedAt: progress?.appliedAt ?? null,
    inserts: progress?.inserts ?? 0,
    updates: progress?.updates ?? 0,
    deletes: progress?.deletes ?? 0,
    truncates: progress?.truncates ?? 0,
    conflicts: conflictCounts.reduce((sum, { count }) => sum + count, 0),
    conflictCounts,
    tables: joined.length,
    waitingTables: waiting instanceof ReplicatorError ? [] : waiting,
    lastError: broken ?? lastErrorOf(from?.error ?? to?.error ?? failure),
  };
}

/** A source that is idle is heard of every ten minutes. */
const missingSeconds = 30 * 60;

function heldDeletes(
  { subscriptions, ownStreams }: Config,
  database: string,
  target: TargetStatus | undefined,
): HeldDeletes[] {
  if (target === undefined || target.oldestTombstone === null) return [];
  const sources = subscriptions.filter((each) => each.target === database);
  const missing = [
    ...sources.map(({ source }) => source),
    ...ownStreams.filter((name) => name === database),
  ].filter((source) => (target.progress.get(source)?.unseenSeconds ?? Infinity) > missingSeconds);
  return missing.length === 0 ? [] : [{ database, since: target.oldestTombstone, missing }];
}

function givenUp(subscription: SubscriptionConfig, at: string | null): LastError | null {
  if (at === null) return null;
  const { code, message, hint } = givenUpError(subscriptionName(subscription));
  return { code, message, hint, at };
}

function lastErrorOf(error: ReplicatorError | undefined): LastError | null {
  if (error === undefined) return null;
  const { code, message, hint } = error;
  return { code, message, hint, at: new Date().toISOString() };
}

function shownState(
  from: Answer | undefined,
  to: Answer | undefined,
  recorded: RecordedState | undefined,
): string {
  if (from?.source === undefined) return 'unknown';
  if (recorded === undefined) return 'not set up';
  const { slots, copying } = from.source;
  const main = slots.find(({ target }) => target === null);
  const state = stateOf(recorded, { streaming: main?.active === true, copying });
  const isAway = to?.target === undefined && (state === 'streaming' || state === 'catching_up');
  return isAway ? 'waiting' : state;
}

async function knownToWait(
  subscription: SubscriptionConfig,
  session: Session | undefined,
  joined: readonly JoinedTable[],
  state: string,
): Promise<string[]> {
  const isJoining = joined.length === 0 && state !== 'streaming' && state !== 'catching_up';
  if (session === undefined || isJoining) return [];
  return await waitingTables(subscription, session, joined);
}
