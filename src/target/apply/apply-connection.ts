// The one connection on which a source's changes are written into a target: its statements by name, and
// how its transactions end, with what is told of the conflicts that they met.
import type { ConflictCounts } from '../../model/conflict.ts';
import type { Lsn } from '../../model/lsn.ts';
import type { Session } from '../../postgres/session.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import { ConflictLedger } from '../conflict/conflict-ledger.ts';
import { needsCare } from './needs-care.ts';
import { StatementNames } from './statement-texts.ts';
import { begin, commit, type TransactionFrame } from './transaction-frame.ts';

export interface ApplyConnectionOptions {
  readonly source: string;
  readonly target: string;
  readonly session: Session;
  readonly frame: TransactionFrame;
  readonly onConflicts: (counts: ConflictCounts) => void;
}

/** The answer to a whole transaction. */
export interface CommitAnswer {
  /** COMMIT's is the last. */
  readonly results: readonly GroupResult[];
  /** It came when all was on disk. */
  readonly flushed: boolean;
}

/**
 * So long may what is committed not be on disk, and not be confirmed: one flush for all of that. It takes as long
 * as the disk does, and nothing else is applied meanwhile.
 */
const flushAfterMs = 100;

const savepoint: Statement = { text: 'savepoint attempt' };
const release: Statement = { text: 'release attempt' };

export class ApplyConnection {
  readonly session: Session;
  readonly frame: TransactionFrame;
  readonly ledger: ConflictLedger;
  readonly #onConflicts: (counts: ConflictCounts) => void;
  readonly #names = new StatementNames();
  #behind: Promise<unknown> | undefined;
  #flushDueAt = Number.POSITIVE_INFINITY;

  constructor({ source, target, session, frame, onConflicts }: ApplyConnectionOptions) {
    this.session = session;
    this.frame = frame;
    this.#onConflicts = onConflicts;
    const execute = (statements: readonly Statement[]) => this.execute(statements);
    this.ledger = new ConflictLedger({ source, target, execute });
  }

  async execute(statements: readonly Statement[]): Promise<readonly GroupResult[]> {
    return statements.length === 0 ? [] : await this.session.group(this.named(statements));
  }

  /**
   * Into the transaction that is open. Undefined, and they have done nothing, where one raises that rows are missing or
   * in the way.
   */
  async attempt(statements: readonly Statement[]): Promise<readonly GroupResult[] | undefined> {
    try {
      const results = await this.execute([savepoint, ...statements, release]);
      return results.slice(1, -1);
    } catch (error) {
      if (!needsCare(error)) throw error;
      await this.session.rollback('attempt');
      return undefined;
    }
  }

  named(statements: readonly Statement[]): Statement[] {
    return statements.map((each) => ({ ...each, name: this.#names.of(each.text) }));
  }

  /** Begins a transaction, which `head` does; nothing is told of what was before. */
  async begin(head: readonly Statement[]): Promise<void> {
    await this.untilAlone();
    this.ledger.clear();
    await this.session.group(head);
  }

  /** A whole transaction in one round trip; it begins with BEGIN. */
  async sendAtOnce(all: readonly Statement[]): Promise<CommitAnswer> {
    const end = this.#end();
    return answerOf(await this.session.group([...all, ...end]), end);
  }

  /**
   * The same behind another one that is on its way, from whose end it must advance: if that fails, so does
   * this. Its answer is for when its turn has come; until then nothing else may be said but through us.
   */
  sendBehind(all: readonly Statement[]): Promise<CommitAnswer> {
    const end = this.#end();
    const answer = this.session
      .groupBehind([...all, ...end])
      .then((results) => answerOf(results, end));
    answer.catch(() => {});
    this.#behind = answer;
    return answer;
  }

  /** Into the transaction that is open, likewise behind what is on its way. */
  sendOpen(statements: readonly Statement[]): Promise<readonly GroupResult[]> {
    const answer = this.session.groupBehind(statements);
    answer.catch(() => {});
    this.#behind = answer;
    return answer;
  }

  /** Resolves once what was sent behind is answered, and undone if it failed. */
  async untilAlone(): Promise<void> {
    const behind = this.#behind;
    this.#behind = undefined;
    try {
      await behind;
    } catch (error) {
      if (this.session.lost.aborted) throw error;
      await this.session.rollback();
    }
  }

  /** With the conflicts that it met. */
  async commit(last: readonly Statement[], endLsn: Lsn): Promise<void> {
    const end = this.#end();
    const results = await this.session.group([...last, ...this.#conflicts(), ...end]);
    this.committed(answerOf(results, end), endLsn);
  }

  /** Its turn has come. Throws INTERNAL when it was a ROLLBACK. */
  committed({ results, flushed }: CommitAnswer, endLsn: Lsn): void {
    this.frame.committed(results.at(-1), endLsn);
    if (flushed) this.flushed();
    else this.#flushDueAt = Math.min(this.#flushDueAt, performance.now() + flushAfterMs);
  }

  /** All that is committed is on disk. */
  flushed(): void {
    this.frame.flushed();
    this.#flushDueAt = Number.POSITIVE_INFINITY;
  }

  /** Until `flush` is due, if nothing is committed before; Infinity: there is nothing to flush. */
  get flushInMs(): number {
    return Math.max(0, this.#flushDueAt - performance.now());
  }

  async flush(): Promise<void> {
    await this.session.group([this.frame.flush]);
    this.flushed();
  }

  /** What was sent behind what failed has failed with it. */
  async rollback(): Promise<void> {
    this.ledger.clear();
    await this.#behind?.catch(() => {});
    this.#behind = undefined;
    await this.session.rollback();
  }

  /** Of a transaction that is committed already: a crash may leave them uncounted. */
  async countConflicts(): Promise<void> {
    const conflicts = this.#conflicts();
    if (conflicts.length > 0) await this.untilAlone();
    await this.execute(conflicts);
  }

  /** What a person has to decide must be there for them to see, though all else is undone. */
  async recordUndecided(): Promise<void> {
    const undecided = this.ledger.undecided();
    if (undecided.length === 0) return;
    await this.rollback();
    await this.session.group([begin, ...undecided, commit]);
  }

  /** COMMIT, and behind it what waits for the disk where that is due. */
  #end(): Statement[] {
    return this.flushInMs === 0 ? [commit, this.frame.flush] : [commit];
  }

  #conflicts(): Statement[] {
    const statements = this.ledger.statements();
    if (statements.length > 0) this.#onConflicts(this.ledger.summary);
    return statements;
  }
}

function answerOf(results: readonly GroupResult[], end: readonly Statement[]): CommitAnswer {
  const flushed = end.length > 1;
  return { results: flushed ? results.slice(0, -1) : results, flushed };
}
