// How far what a source sent is on disk at those standbys of the target that the file names: only so far
// may the source forget it. It looks from a session of its own, so that applying waits for nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { DatabaseConfig } from '../../config/config.ts';
import { asReplicatorError } from '../../model/errors.ts';
import { type Lsn, parseLsn } from '../../model/lsn.ts';
import { Session } from '../../postgres/session.ts';

export interface StandbyWatchOptions {
  readonly source: string;
  /** It names at least one slot. */
  readonly target: DatabaseConfig;
  /** The standbys have more. */
  readonly onSecured: () => void;
  readonly log: Logger;
}

/** The progress, and where the target's own WAL ended when it was seen: at its commit or behind it. */
interface Mark {
  readonly progress: Lsn;
  readonly walLsn: Lsn;
  readonly seenAt: number;
}

interface Look extends Omit<Mark, 'seenAt'> {
  readonly standbys: readonly { slot: string; active: boolean; flushedLsn: Lsn | undefined }[];
}

/** How often it looks while the standbys lack something, and otherwise if nobody wakes it. */
const lookMs = 200;
const idleMs = 10_000;
const retryMs = 2_000;
/** What lacks for so long is told. */
const patienceMs = 10_000;
/** A standby may be away for days: of more marks than that every other one does as well. */
const mostMarks = 1_000;

// The restart_lsn of a physical slot is what its standby has on disk, also while that is away, as with
// synchronized_standby_slots: https://www.postgresql.org/docs/current/runtime-config-replication.html
// What the snapshot of the statement sees may not be flushed yet, even here; where WAL ends is asked for
// after that.
const lookQuery = `
  select p.lsn::text as progress, pg_catalog.pg_current_wal_insert_lsn()::text as wal, n.slot,
         s.restart_lsn::text as flushed, coalesce(s.active, false)::text as active
  from unnest($2::text[]) n(slot)
  left join pg_catalog.pg_replication_slots s on s.slot_name = n.slot and s.slot_type = 'physical'
  join replicator.progress p on p.source = $1`;

export class StandbyWatch {
  readonly #options: StandbyWatchOptions;
  #marks: Mark[] = [];
  #securedLsn: Lsn | undefined;
  #isTold = false;
  #rest = new AbortController();

  constructor(options: StandbyWatchOptions) {
    this.#options = options;
  }

  /** Everything before it is on disk at each of them; undefined while that is not known. */
  get securedLsn(): Lsn | undefined {
    return this.#securedLsn;
  }

  /** There may be more on the target. */
  wake(): void {
    if (this.#marks.length === 0) this.#rest.abort();
  }

  /** For as long as the target is written to, until `stop` is aborted; never throws. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted)
      try {
        await this.#session(stop);
      } catch (thrown) {
        // The subscription has the same trouble, and tells it.
        const { code, message } = asReplicatorError(thrown);
        this.#options.log.debug({ ...this.#facts, code }, message);
        await this.#pause(retryMs, stop);
      }
  }

  async #session(stop: AbortSignal): Promise<void> {
    // Another server may answer from now on, where positions say something else.
    this.#marks = [];
    this.#securedLsn = undefined;
    const { target, source } = this.#options;
    await using session = await Session.connect(target, {
      purpose: 'status',
      name: `${source}:${target.name}`,
      replyTimeoutMs: 10_000,
    });
    if (stop.aborted) return;
    while (!stop.aborted) {
      const look = await this.#look(session);
      if (stop.aborted) return;
      if (look !== undefined) this.#judge(look);
      await this.#pause(this.#marks.length > 0 ? lookMs : idleMs, stop);
    }
  }

  async #look(session: Session): Promise<Look | undefined> {
    const { target, source } = this.#options;
    const rows = await session.query(lookQuery, [source, target.standbySlots]);
    const [first] = rows;
    if (first === undefined) return undefined;
    return {
      progress: parseLsn(first['progress'] ?? '0/0'),
      walLsn: parseLsn(first['wal'] ?? '0/0'),
      standbys: rows.map(({ slot, flushed, active }) => ({
        slot: slot ?? '',
        active: active === 'true',
        flushedLsn: flushed == null ? undefined : parseLsn(flushed),
      })),
    };
  }

  #judge({ progress, walLsn, standbys }: Look): void {
    const last = this.#marks.at(-1)?.progress ?? this.#securedLsn;
    if (progress !== last) this.#marks.push({ progress, walLsn, seenAt: performance.now() });
    if (this.#marks.length > mostMarks) this.#marks = this.#marks.filter((_, i) => i % 2 === 1);
    const before = this.#securedLsn;
    for (let [mark] = this.#marks; mark !== undefined; [mark] = this.#marks) {
      const { walLsn: needed } = mark;
      const lacking = standbys.filter(({ flushedLsn }) => (flushedLsn ?? 0n) < needed);
      if (lacking.length > 0) {
        if (performance.now() - mark.seenAt > patienceMs) this.#tell(lacking);
        break;
      }
      this.#securedLsn = mark.progress;
      this.#marks.shift();
    }
    if (this.#securedLsn === before) return;
    if (this.#isTold) this.#options.log.info(this.#facts, 'its standbys have more again');
    this.#isTold = false;
    this.#options.onSecured();
  }

  /** Once, until they have more. */
  #tell(lacking: Look['standbys']): void {
    if (this.#isTold) return;
    this.#isTold = true;
    const state = ({ active, flushedLsn }: Look['standbys'][number]) =>
      flushedLsn === undefined ? 'has nothing' : active ? 'is behind' : 'is not connected';
    const standbys = lacking.map((each) => `${each.slot} ${state(each)}`).join(', ');
    this.#options.log.warn(
      { ...this.#facts, standbys },
      'a standby of the target lacks changes: the source keeps WAL until it has them',
    );
  }

  get #facts(): { subscription: string } {
    const { source, target } = this.#options;
    return { subscription: `${source}:${target.name}` };
  }

  async #pause(ms: number, stop: AbortSignal): Promise<void> {
    this.#rest = new AbortController();
    const over = AbortSignal.any([stop, this.#rest.signal]);
    await sleep(ms, undefined, { signal: over }).catch(() => {});
  }
}
