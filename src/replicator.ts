// Builds everything from a Config: per source its streams, per subscription one applier, at work
// while the source is ours. Start, drain, stop.
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { Config, DatabaseConfig, SubscriptionConfig } from './config/config.ts';
import { contendersAt, contestedAt, sourcesAt } from './config/writers.ts';
import { ReplicatorError } from './model/errors.ts';
import { formatLsn } from './model/lsn.ts';
import { endOfWal } from './postgres/end-of-wal.ts';
import { subscriptionName } from './postgres/object-names.ts';
import type { DatabaseIdentity } from './postgres/server-facts.ts';
import { Session } from './postgres/session.ts';
import { Setup } from './setup/set-up.ts';
import { beginAnew, expectEmptied } from './snapshot/begin-anew.ts';
import type { CopyProgress } from './snapshot/copy-table.ts';
import { type JoinResult, joinTables } from './snapshot/join-tables.ts';
import { ownTables } from './snapshot/own-tables.ts';
import type { Owner } from './source/ownership/lease.ts';
import { Ownership } from './source/ownership/ownership.ts';
import type { Term } from './source/ownership/term.ts';
import { Source } from './source/source.ts';
import type { Subscriber } from './source/subscriber.ts';
import type { JoinedTables } from './subscription/part-filter.ts';
import { StateRecorder } from './subscription/record-state.ts';
import { Subscription } from './subscription/subscription.ts';
import { Applier } from './target/apply/applier.ts';
import { fetchFrom } from './target/apply/fetch-rows.ts';
import { Outranked } from './target/progress/claim.ts';
import { StandbyWatch } from './target/progress/standby-watch.ts';
import { ComparisonRunner } from './verify/comparison-runner.ts';

export interface ReplicatorOptions {
  readonly config: Config;
  /** Only what these databases write; undefined: every source of the file. */
  readonly sources?: readonly string[];
  readonly log: Logger;
  readonly onCopyProgress?: (subscription: string, progress: CopyProgress) => void;
}

/** What may wait for a target on its way back, as a part of what may wait for any. */
const handoverShare = 1 / 4;
/** Nobody waits for what a database reads of its own, and each batch of it is a commit that costs its users. */
const ownPaceMs = 100;

type Record = StateRecorder['record'];

interface SourceWithTargets {
  readonly database: DatabaseConfig;
  readonly ownership: Ownership;
  readonly source: Source;
  readonly recorder: StateRecorder;
  readonly record: Record;
  readonly subscriptions: readonly Subscription[];
}

export class Replicator {
  readonly #options: ReplicatorOptions;
  readonly #owner: Owner = { id: randomUUID(), host: hostname(), pid: process.pid };
  #sources: readonly SourceWithTargets[] = [];
  readonly #setup: Setup;
  /** By source: how late others' changes arrive there. */
  readonly #lagMs = new Map<string, number>();
  readonly #comparisons: ComparisonRunner;
  readonly #stopApplying = new AbortController();
  readonly #abandonBatch = new AbortController();
  readonly #stopReading = new AbortController();

  constructor(options: ReplicatorOptions) {
    this.#options = options;
    // Each of any number of subscriptions listens to them.
    for (const { signal } of [this.#stopApplying, this.#abandonBatch, this.#stopReading])
      setMaxListeners(0, signal);
    this.#setup = new Setup(options.config, options.log);
    this.#comparisons = new ComparisonRunner(
      options.config,
      (source) =>
        this.#sources.some(({ database, ownership }) => database.name === source && ownership.held),
      options.log,
    );
  }

  /** Runs until `stop` is called; nothing that a server does ends it. */
  async run(): Promise<void> {
    const { config, log } = this.#options;
    log.info({ config: config.file, subscriptions: config.subscriptions.length }, 'started');
    const names = new Set(config.subscriptions.map(({ source }) => source));
    const sources = [...names]
      .filter((name) => this.#options.sources?.includes(name) ?? true)
      .map((name) => this.#build(databaseOf(config, name)));
    this.#sources = sources;
    for (const { ownership } of sources) void ownership.run();
    const applying = sources.flatMap(({ subscriptions }) =>
      subscriptions.map((each) => each.run(this.#stopApplying.signal, this.#abandonBatch.signal)),
    );
    const reading = sources.map(({ source }) => source.run(this.#stopReading.signal));
    const comparing = this.#comparisons.run(this.#stopApplying.signal);
    await Promise.all(applying);
    // Last, so that what was applied until now is still confirmed.
    this.#stopReading.abort();
    await Promise.all([...reading, comparing]);
    await Promise.all(sources.map(({ recorder }) => recorder.close()));
    await Promise.all(sources.map(({ ownership }) => ownership.close()));
    log.info('stopped');
  }

  /** Lets batches in flight finish, for a while; then gives them up. `run` resolves soon after. */
  stop(): void {
    const { config } = this.#options;
    if (this.#stopApplying.signal.aborted) return;
    this.#stopApplying.abort();
    // Leaves time to confirm and to close within the configured limit.
    const patienceMs = Math.max(0, config.shutdownTimeoutMs - 4_000);
    setTimeout(() => this.#abandonBatch.abort(), patienceMs).unref();
  }

  #build(database: DatabaseConfig): SourceWithTargets {
    const { config, log } = this.#options;
    const recorder = new StateRecorder(database, () => ownership.isFresh, log);
    const ownership = new Ownership({
      database,
      owner: this.#owner,
      onTaken: () => recordAll(),
      log,
    });
    // Only the owner knows how a subscription is doing.
    const record: Record = (target, state, error) => {
      if (ownership.held) recorder.record(target, state, error);
    };
    const recordAll = () => {
      for (const { target, state, error } of subscriptions) record(target, state, error);
    };
    const subscriptions = config.subscriptions
      .filter(({ source }) => source === database.name)
      .map((each) => this.#subscribe(each, { ownership, record, reading: () => source }));
    if (config.ownStreams.includes(database.name)) {
      const syncs = config.syncs.filter(({ members }) => members.get(database.name) === 'source');
      const own = { source: database.name, target: database.name, syncs };
      subscriptions.push(this.#subscribe(own, { ownership, record, reading: () => source }));
    }
    const source: Source = new Source({
      database,
      subscribers: subscriptions,
      term: async (stop) => await ownership.term(stop),
      partBytes: config.apply.batchBytes,
      partChanges: config.apply.batchChanges,
      handoverBytes: config.apply.queueBytes * handoverShare,
      limits: config.slots,
      onLag: (ms) => this.#lagMs.set(database.name, ms),
      heartbeatMs: config.heartbeatMs,
      onStreaming: recordAll,
      onFailure: (error, isNew, targets) => {
        // What stops a target of itself is what its person is to mend, say to empty what begins anew.
        const stopped = new Set<Subscriber>(
          subscriptions.filter((each) => each.error?.retry === 'manual'),
        );
        const others = targets.filter((each) => !stopped.has(each));
        this.#sourceFailed({ source: database.name, record, targets: others }, error, isNew);
      },
      log,
    });
    return { database, ownership, source, recorder, record, subscriptions };
  }

  #subscribe(
    subscription: SubscriptionConfig,
    {
      ownership,
      record,
      reading,
    }: Pick<SourceWithTargets, 'ownership' | 'record'> & { reading: () => Source },
  ): Subscription {
    const { config, log } = this.#options;
    const name = subscriptionName(subscription);
    const source = databaseOf(config, subscription.source);
    const target = databaseOf(config, subscription.target);
    const targetOids = new Map<number, string>();
    const standbys = this.#watchStandbys(source.name, target, () => reading().progressed(self));
    const self: Subscription = new Subscription({
      name,
      target: target.name,
      limits: { changes: config.apply.batchChanges, bytes: config.apply.batchBytes },
      queueBytes: config.apply.queueBytes,
      giveUpBytes: config.slots.giveUpBytes,
      standbys,
      paceMs: source === target ? ownPaceMs : 0,
      connect: async () => {
        const stop = this.#stopApplying.signal;
        let identity: DatabaseIdentity | undefined;
        if (source === target) await this.#setup.untilMadeForOwn(source.name, stop);
        else if (!reading().mustResync(self))
          identity = await this.#setup.ensure(source.name, target.name, stop);
        const term = await ownership.term(stop);
        const { epoch, lineage, lost } = term;
        // Whether it is paused, and from which slot it is served.
        await reading().known(AbortSignal.any([stop, lost]));
        if (identity !== undefined) await reading().recognize(self, identity);
        if (reading().mustResync(self))
          await this.#resync(subscription, self, { source: reading(), term });
        const applier = await Applier.connect({
          source: source.name,
          target,
          epoch,
          lineage,
          lockTimeoutMs: config.apply.lockTimeoutMs,
          contestedOf: (table) =>
            contestedAt(config, subscription, table, () => this.#lagMs.get(source.name) ?? 0),
          contenders: contendersAt(config, target.name),
          present: [...sourcesAt(config, target.name), target.name],
          endOfSource: async () => {
            await using session = await Session.connect(source, { purpose: 'control', name });
            return await endOfWal(session);
          },
          conflictRetentionMs: config.conflictRetentionMs,
          fetchRowsOf: fetchFrom(source),
          targetOids,
          onOtherKey: (table) =>
            log.warn(
              { subscription: name, table },
              'table has another key than its rows had: what was deleted by that is not remembered',
            ),
          onConflicts: (counts) => log.warn({ subscription: name, ...counts }, 'conflicts'),
          onUnremembered: this.#comparisons.ofUnremembered(subscription),
        }).catch(async (error) => {
          throw error instanceof Outranked ? await ownership.outranked(error, epoch, stop) : error;
        });
        if (lost.aborted) applier.destroy();
        lost.addEventListener('abort', () => applier.destroy(), { signal: applier.lost });
        void standbys?.run(applier.lost);
        return applier;
      },
      join: async (applier, onCopy) => {
        const joined = await this.#join(subscription, applier, onCopy);
        targetOids.clear();
        for (const [from, to] of joined.targetOids) targetOids.set(from, to);
        return joined.tables;
      },
      onAttach: () => reading().attached(self),
      onProgress: () => {
        standbys?.wake();
        reading().progressed(self);
      },
      onState: (state, error) => record(target.name, state, error),
      log,
    });
    return self;
  }

  #watchStandbys(
    source: string,
    target: DatabaseConfig,
    onSecured: () => void,
  ): StandbyWatch | undefined {
    if (target.standbySlots.length === 0) return undefined;
    return new StandbyWatch({ source, target, onSecured, log: this.#options.log });
  }

  /** What it needs to go on is gone, and a person knows: it begins where its source is now. */
  async #resync(
    subscription: SubscriptionConfig,
    self: Subscription,
    { source, term }: { source: Source; term: Term },
  ): Promise<void> {
    const { config } = this.#options;
    const purpose = { purpose: 'setup', name: self.name } as const;
    await using from = await Session.connect(databaseOf(config, subscription.source), purpose);
    await using to = await Session.connect(databaseOf(config, subscription.target), {
      ...purpose,
      // The source forgets the wish as soon as it is answered, so it must be on disk by then.
      settings: { synchronous_commit: 'on', lock_timeout: '2s' },
    });
    const parties = { config, subscription, source: from, target: to };
    await expectEmptied(parties);
    const stop = this.#stopApplying.signal;
    const identity = await this.#setup.remake(subscription.source, subscription.target, stop);
    await source.recognize(self, identity);
    await source.resync(self, async (lsn) => await beginAnew(parties, { ...term.identity, lsn }));
    self.leave();
  }

  async #join(
    subscription: SubscriptionConfig,
    applier: Applier,
    onCopy: () => void,
  ): Promise<Pick<JoinResult, 'targetOids'> & { tables: JoinedTables }> {
    const { config, log, onCopyProgress } = this.#options;
    if (subscription.source === subscription.target)
      return { tables: await ownTables(config, applier.session), targetOids: new Map() };
    const name = subscriptionName(subscription);
    await using source = await Session.connect(databaseOf(config, subscription.source), {
      purpose: 'copy',
      name,
      // To read a whole table, of which few rows are wanted, takes as long as it takes.
      replyTimeoutMs: 24 * 60 * 60_000,
      askAfterMs: 15_000,
    });
    if (applier.lost.aborted) source.destroy();
    applier.lost.addEventListener('abort', () => source.destroy(), { signal: source.lost });
    const joined = await joinTables({
      config,
      subscription,
      source,
      target: applier.session,
      progress: applier.progress,
      onCopy,
      onAsTheyAre: async (from, tables) =>
        await this.#comparisons.expect(subscription, from, tables),
      onProgress: (progress) => onCopyProgress?.(name, progress),
      log,
    });
    const { countsFrom = applier.progress } = joined;
    if (countsFrom > applier.progress) {
      log.info({ subscription: name, lsn: formatLsn(countsFrom) }, 'begins behind its copy');
      await applier.pass(countsFrom, undefined);
    }
    return joined;
  }

  #sourceFailed(
    { source, record, targets }: { source: string; record: Record; targets: readonly Subscriber[] },
    error: ReplicatorError,
    isNew: boolean,
  ): void {
    const { log } = this.#options;
    const facts = { source, code: error.code, hint: error.hint };
    if (error.retry === 'manual') log.error(facts, error.message);
    else if (isNew) log.warn(facts, error.message);
    const state = error.retry === 'timed' ? 'waiting' : 'failed';
    for (const { target } of targets) record(target, state, error);
  }
}

function databaseOf(config: Config, name: string): DatabaseConfig {
  const database = config.databases.get(name);
  if (database === undefined)
    throw new ReplicatorError('INTERNAL', `database ${name} is not configured`);
  return database;
}
