// Tables that joined as they are (initial_copy none, both sides with rows) are taken for equal on the user's word, and
// what a source had not sent when it left the file for a while may make them differ: this looks whether they are equal,
// beside the running replication, and tells.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config, SubscriptionConfig } from '../config/config.ts';
import { mergeSyncs } from '../config/merge-syncs.ts';
import { asReplicatorError } from '../model/errors.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { Deadline } from '../observability/deadline.ts';
import { waitForTargets } from '../observability/wait-for-targets.ts';
import { listTables } from '../postgres/catalog.ts';
import { subscriptionName } from '../postgres/object-names.ts';
import { Session } from '../postgres/session.ts';
import { compareAgain, compareTable, isEqual, type TableDifference } from './compare-table.ts';
import {
  expectComparison,
  forgetDifference,
  isYetToJoin,
  recordDifference,
  recordedTables,
  settlesFirst,
} from './differences.ts';

/** Rows on their way look like differences; after so many looks at rest they are taken for real. */
const looks = 3;
const betweenLooksMs = 1_000;
/** Until it is looked for work again: where there was none, where a table has yet to join, and after a failure. */
const pauseMs = { none: 500, 'not joined': 2_000, 'put off': 10_000 } as const;
const catchUpMs = 10 * 60_000;

type Outcome = 'done' | 'not joined' | 'put off';

interface Comparison {
  readonly subscription: SubscriptionConfig;
  readonly table: TableName;
}

export class ComparisonRunner {
  readonly #config: Config;
  readonly #isOurs: (source: string) => boolean;
  readonly #log: Logger;
  readonly #waiting: Comparison[] = [];

  /** `isOurs`: only the owner of a source compares its tables. */
  constructor(config: Config, isOurs: (source: string) => boolean, log: Logger) {
    this.#config = config;
    this.#isOurs = isOurs;
    this.#log = log;
  }

  /** Also after a restart, before which there may be no time for it. */
  async expect(
    subscription: SubscriptionConfig,
    source: Session,
    tables: readonly TableName[],
  ): Promise<void> {
    await expectComparison(source, subscription.target, tables, { settlesFirst: false });
    this.#add(subscription, tables);
  }

  /**
   * For each change that is older than what is remembered of rows that others deleted or changed: its table may differ
   * afterwards. Before it is applied, so that a restart does not forget to.
   */
  ofUnremembered(subscription: SubscriptionConfig): (table: TableName) => Promise<void> {
    const expected = new Set<string>();
    return async (table) => {
      const label = tableLabel(table);
      if (expected.has(label)) return;
      await using source = await this.#connect(subscription.source, subscription);
      await expectComparison(source, subscription.target, [table], { settlesFirst: true });
      this.#add(subscription, [table]);
      expected.add(label);
      this.#log.warn(
        { subscription: subscriptionName(subscription), table: label },
        'changes come that are older than what is remembered of rows here: what their source has of these by now is taken, and the table is compared',
      );
    };
  }

  #add(subscription: SubscriptionConfig, tables: readonly TableName[]): void {
    for (const table of tables) {
      const known = this.#waiting.some(
        (other) => samePair(other.subscription, subscription) && sameTable(other.table, table),
      );
      if (!known) this.#waiting.push({ subscription, table });
    }
  }

  /** One comparison after the other, until `stop`; what was recorded earlier is looked at again. */
  async run(stop: AbortSignal): Promise<void> {
    const revisited = new Set<string>();
    while (!stop.aborted) {
      for (const subscription of this.#config.subscriptions) {
        const name = subscriptionName(subscription);
        // Whoever owns it meanwhile may have left some that are still to be compared.
        if (!this.#isOurs(subscription.source)) revisited.delete(name);
        else if (!revisited.has(name)) await this.#revisit(subscription, revisited);
      }
      const next = this.#waiting.shift();
      let outcome: Exclude<Outcome, 'done'> | 'none' = 'none';
      if (next !== undefined) {
        const compared = await this.#compare(next, stop);
        if (compared === 'done') continue;
        outcome = compared;
        // Behind the others, which need not wait for a database that is away.
        this.#add(next.subscription, [next.table]);
      }
      await sleep(pauseMs[outcome], undefined, { signal: stop }).catch(() => {});
    }
  }

  async #revisit(subscription: SubscriptionConfig, revisited: Set<string>): Promise<void> {
    try {
      await using source = await this.#connect(subscription.source, subscription);
      const replicated = mergeSyncs(subscription, await listTables(source));
      for (const table of await recordedTables(source, subscription.target))
        if (replicated.has(tableLabel(table))) this.#add(subscription, [table]);
        else await forgetDifference(source, subscription.target, table);
      revisited.add(subscriptionName(subscription));
    } catch {
      // Not reachable, or not set up yet: asked again in the next round.
    }
  }

  async #compare({ subscription, table }: Comparison, stop: AbortSignal): Promise<Outcome> {
    const { source, target } = subscription;
    const facts = { subscription: subscriptionName(subscription), table: tableLabel(table) };
    try {
      await using first = await this.#connect(source, subscription);
      await using second = await this.#connect(target, subscription);
      using _ = endAtOnce(stop, [first, second]);
      if (await isYetToJoin(first, second, table)) return 'not joined';
      if (await isYetToJoin(second, first, table)) return 'not joined';
      if ((await settlesFirst(first, target, table)) || (await settlesFirst(second, source, table)))
        await this.#catchUp(subscription, [first, second], stop);
      let found = await compareTable(first, second, table);
      for (let look = 0; look < looks && !isEqual(found); look++) {
        await this.#catchUp(subscription, [first, second], stop);
        found = await compareAgain(first, second, found);
        if (look + 1 < looks) await sleep(betweenLooksMs, undefined, { signal: stop });
      }
      if (isEqual(found)) await forgetDifference(first, target, table);
      else await this.#tell(first, target, found, facts);
      await forgetDifference(second, source, table);
      return 'done';
    } catch (error) {
      if (stop.aborted) return 'put off';
      const { code, message } = asReplicatorError(error);
      this.#log.warn({ ...facts, code }, `comparison put off: ${message}`);
      return 'put off';
    }
  }

  async #tell(
    source: Session,
    target: string,
    found: TableDifference,
    facts: Readonly<Record<string, string>>,
  ): Promise<void> {
    await recordDifference(source, target, found);
    const { onlyFirst, onlySecond, differing } = found;
    this.#log.warn(
      { ...facts, only_on_source: onlyFirst, only_on_target: onlySecond, differing },
      'tables differ: see `replicator status --output json`',
    );
  }

  /**
   * Until both have what was written by now, by each other and by third ones: two that are equal differ as soon as one
   * is told of a delete that the other knows, and forgot.
   */
  async #catchUp(
    pair: SubscriptionConfig,
    ends: readonly Session[],
    stop: AbortSignal,
  ): Promise<void> {
    const names = [pair.source, pair.target];
    const subscriptions = this.#config.subscriptions.filter(({ target }) => names.includes(target));
    const sources = new Set(subscriptions.map(({ source }) => source));
    const thirds: Session[] = [];
    try {
      for (const name of sources)
        if (!names.includes(name)) thirds.push(await this.#connect(name, pair));
      using _ = endAtOnce(stop, thirds);
      const sessions = [...ends, ...thirds].map((each) => [each.database.name, each] as const);
      await waitForTargets({ subscriptions }, new Map(sessions), new Deadline(catchUpMs));
    } finally {
      for (const session of thirds) await session.close();
    }
  }

  async #connect(name: string, subscription: SubscriptionConfig): Promise<Session> {
    const database = this.#config.databases.get(name);
    if (database === undefined) throw new RangeError(`database ${name} is not configured`);
    return await Session.connect(database, {
      purpose: 'compare',
      name: subscriptionName(subscription),
      replyTimeoutMs: 3_600_000,
      // Others are not to wait for a table that somebody keeps.
      settings: { lock_timeout: '5s' },
    });
  }
}

/** A large table, or a target that is behind, takes long, and everything else waits at a SIGHUP for what still runs. */
function endAtOnce(stop: AbortSignal, sessions: readonly Session[]): Disposable {
  const end = () => {
    for (const session of sessions) session.destroy();
  };
  if (stop.aborted) end();
  stop.addEventListener('abort', end, { once: true });
  return { [Symbol.dispose]: () => stop.removeEventListener('abort', end) };
}

function samePair(a: SubscriptionConfig, b: SubscriptionConfig): boolean {
  return (
    (a.source === b.source && a.target === b.target) ||
    (a.source === b.target && a.target === b.source)
  );
}

function sameTable(a: TableName, b: TableName): boolean {
  return a.schema === b.schema && a.name === b.name;
}
