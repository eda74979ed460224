// Whether this process is the one that reads a source and writes to its targets. It stands by while
// another one does, and takes its place when that is gone, frozen or cut off from the source.
import type { Logger } from 'pino';
import type { DatabaseConfig } from '../../config/config.ts';
import { backoffMs } from '../../model/backoff.ts';
import { asReplicatorError, ReplicatorError } from '../../model/errors.ts';
import { serverFacts } from '../../postgres/server-facts.ts';
import { Session } from '../../postgres/session.ts';
import { Alarm } from './alarm.ts';
import { endReaders } from './end-readers.ts';
import {
  type Lease,
  moveLease,
  type Owner,
  readLease,
  readOwners,
  releaseLease,
  renewLease,
  takeLease,
} from './lease.ts';
import { LeaseWatch, lookEveryMs, renewEveryMs } from './lease-watch.ts';
import { type Outranking, rewound, Term } from './term.ts';
import { lineageOf } from './timeline-history.ts';

export interface OwnershipOptions {
  readonly database: DatabaseConfig;
  readonly owner: Owner;
  readonly onTaken: () => void;
  readonly log: Logger;
}

/** Without an answer for so long the session is given up: what it would show is too old. */
const replyTimeoutMs = 3_000;

export class Ownership {
  readonly #options: OwnershipOptions;
  readonly #facts: { readonly source: string };
  #term: Term | undefined;
  readonly #stop = new AbortController();
  #connected: Session | undefined;
  #isSetUp = false;
  #floor = 0n;
  #signs = 0;
  #standingBy: string | undefined;
  #trouble: string | undefined;
  readonly #alarm = new Alarm();
  #waiting: (() => void)[] = [];

  constructor(options: OwnershipOptions) {
    this.#options = options;
    this.#facts = { source: options.database.name };
  }

  /** Whether the source is ours, as far as we know. */
  get held(): boolean {
    return this.#term !== undefined;
  }

  /** Whether it is ours for certain: no other process can have taken it by now. */
  get isFresh(): boolean {
    return this.#term?.isFresh === true;
  }

  /** Waits until the source is ours, and known to be so at this time. Throws when `stop` is aborted. */
  async term(stop: AbortSignal): Promise<Term> {
    while (true) {
      stop.throwIfAborted();
      if (this.#term?.isFresh) return this.#term;
      await this.#nextLook(stop);
    }
  }

  /**
   * A target was written by an owner that we know nothing of. `isAncestor`: before a promotion, which
   * may have lost it; then the next epoch must be greater than that one's. Else either another process
   * has the source by now, or the source went back to an earlier state. Gives the error that tells.
   */
  async outranked(by: Outranking, epoch: bigint, stop: AbortSignal): Promise<ReplicatorError> {
    const askedAt = performance.now();
    if (by.isAncestor) this.#floor = by.epoch > this.#floor ? by.epoch : this.#floor;
    while (this.#term?.epoch === epoch && this.#term.renewedAt < askedAt)
      await this.#nextLook(stop);
    if (by.isAncestor || this.#term?.epoch !== epoch) return by;
    return rewound(this.#options.database.name, by);
  }

  /** Runs until `close` is called; never throws. */
  async run(): Promise<void> {
    const stop = this.#stop.signal;
    for (let attempt = 0; !stop.aborted; attempt++)
      try {
        await this.#session(stop, () => {
          attempt = 0;
        });
      } catch (thrown) {
        this.#tell(asReplicatorError(thrown));
        await this.#pause(Math.min(lookEveryMs, backoffMs(attempt, Math.random())));
      }
  }

  /** Leaves the source to others, who need not wait then. To be called when nothing is at work. */
  async close(): Promise<void> {
    const session = this.#connected;
    const term = this.#term;
    this.#stop.abort();
    this.#alarm.ring();
    // A source that does not answer now is taken over as after a crash.
    if (session !== undefined && term !== undefined)
      await releaseLease(session, this.#options.owner, term.epoch).catch(() => {});
    await session?.close();
  }

  async #session(stop: AbortSignal, onAnswer: () => void): Promise<void> {
    const { database, owner } = this.#options;
    await using session = await Session.connect(database, {
      purpose: 'lease',
      name: database.name,
      replyTimeoutMs,
      // A standby that is away must not keep us from showing that we live.
      settings: { synchronous_commit: 'local', lock_timeout: '2s' },
    });
    if (stop.aborted) return;
    this.#connected = session;
    session.lost.addEventListener('abort', () => {
      this.#connected = undefined;
      this.#alarm.ring();
    });
    // What was seen before the gap says nothing: the owner was perhaps cut off like us.
    const watch = new LeaseWatch(() => performance.now());
    const { timeline, inRecovery } = await serverFacts(session);
    // Once it is promoted this session would still have what it was told now.
    if (inRecovery)
      throw new ReplicatorError(
        'READ_ONLY',
        `${database.name}: is a standby and cannot be written to`,
      );
    // Positions mean something else now: what the targets have is to be judged anew.
    if (this.#term !== undefined && this.#term.lineage.timeline !== timeline) this.#end();
    if (this.#term !== undefined && !(await moveLease(session, owner, this.#term.epoch)))
      this.#lose();
    while (!stop.aborted) {
      if (session.lost.aborted) throw session.lost.reason;
      if (this.#term === undefined) await this.#challenge(session, watch, timeline);
      else await this.#renew(session, this.#term);
      onAnswer();
      this.#trouble = undefined;
      await this.#pause(this.#term === undefined ? lookEveryMs : renewEveryMs);
    }
  }

  /** Until the lease was looked at once more. */
  async #nextLook(stop: AbortSignal): Promise<void> {
    stop.throwIfAborted();
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      stop.addEventListener('abort', () => resolve(), { once: true });
      this.#alarm.ring();
    });
  }

  async #renew(session: Session, term: Term): Promise<void> {
    const { database, owner } = this.#options;
    const askedAt = performance.now();
    const sign = `replicator/${database.name}/lease ${++this.#signs}`;
    const isOurs = await renewLease(session, owner, term.epoch, sign);
    if (this.#stop.signal.aborted) return;
    if (!isOurs) return this.#lose();
    term.renewedAt = askedAt;
    // The next one is ours at once, as no other process has it.
    if (this.#floor >= term.epoch) this.#end();
    else this.#admit();
  }

  async #challenge(session: Session, watch: LeaseWatch, timeline: bigint): Promise<void> {
    const { owner } = this.#options;
    const askedAt = performance.now();
    const lease = await readLease(session);
    if (lease === undefined || this.#stop.signal.aborted) return;
    this.#isSetUp = true;
    if (lease.owner?.id !== owner.id && !watch.mayTake(lease, askedAt)) return this.#standBy(lease);
    const epoch = await takeLease(session, owner, lease, this.#floor);
    if (epoch === undefined) return;
    await endReaders(session, lease.owner?.id === owner.id ? undefined : lease.backend);
    const lineage = lineageOf(this.#options.database, timeline, await readOwners(session));
    this.#take(new Term(epoch, lineage, askedAt), lease);
  }

  #take(term: Term, { owner }: Lease): void {
    this.#term = term;
    this.#standingBy = undefined;
    const from = owner !== undefined && owner.id !== this.#options.owner.id;
    this.#options.log.info(
      {
        ...this.#facts,
        epoch: String(term.epoch),
        ...(from && { host: owner.host, pid: owner.pid }),
      },
      from ? 'took the source over' : 'took the source',
    );
    this.#admit();
    this.#options.onTaken();
  }

  #standBy({ owner, epoch }: Lease): void {
    if (owner === undefined || this.#standingBy === `${owner.id} ${epoch}`) return;
    this.#standingBy = `${owner.id} ${epoch}`;
    const { host, pid, since } = owner;
    this.#options.log.info({ ...this.#facts, host, pid, since }, 'standing by');
  }

  #lose(): void {
    const facts = { ...this.#facts, epoch: String(this.#term?.epoch) };
    this.#options.log.warn(facts, 'lost the source to another replicator');
    this.#end();
  }

  #end(): void {
    const term = this.#term;
    this.#term = undefined;
    term?.end(this.#options.database.name);
    this.#admit();
  }

  /** Those that wait look again. */
  #admit(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  // Once per trouble, not once per attempt; before the set-up its subscriptions tell.
  #tell(error: ReplicatorError): void {
    if (this.#stop.signal.aborted || !this.#isSetUp || this.#trouble === error.code) return;
    this.#trouble = error.code;
    const { code, hint } = error;
    const level = error.retry === 'manual' ? 'error' : 'warn';
    this.#options.log[level](
      { ...this.#facts, code, hint },
      `lease out of reach: ${error.message}`,
    );
  }

  async #pause(ms: number): Promise<void> {
    if (!this.#stop.signal.aborted) await this.#alarm.pause(ms);
  }
}
