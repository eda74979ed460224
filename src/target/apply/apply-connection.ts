// The one connection on which a source's changes are written into a target: its statements by name, and
// how its transactions end, with what is told of the conflicts that they met.
import type { ConflictCounts } from '../../model/conflict.ts';
import type { Lsn } from '../../model/lsn.ts';
import type { Session } from '../../postgres/session.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import { ConflictLedger } from '../conflict/conflict-ledger.ts';
import { StatementNames } from './row-statements.ts';
import { begin, commit, type TransactionFrame } from './transaction-frame.ts';

export interface ApplyConnectionOptions {
  readonly source: string;
  readonly target: string;
  readonly session: Session;
  readonly frame: TransactionFrame;
  readonly onConflicts: (counts: ConflictCounts) => void;
}

export class ApplyConnection {
  readonly session: Session;
  readonly frame: TransactionFrame;
  readonly ledger: ConflictLedger;
  readonly #onConflicts: (counts: ConflictCounts) => void;
  readonly #names = new StatementNames();
  #behind: Promise<readonly GroupResult[]> | undefined;

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

  named(statements: readonly Statement[]): Statement[] {
    return statements.map((each) => ({ ...each, name: this.#names.of(each.text) }));
  }

  /** Begins a transaction, which `head` does; nothing is told of what was before. */
  async begin(head: readonly Statement[]): Promise<void> {
    await this.untilAlone();
    this.ledger.clear();
    await this.session.group(head);
  }

  /**
   * A whole transaction in one round trip; it begins with BEGIN. COMMIT's result is the last. Once it
   * resolves the transaction is durable.
   */
  async sendAtOnce(all: readonly Statement[]): Promise<readonly GroupResult[]> {
    return upToCommit(await this.session.group([...all, commit, this.frame.flush]));
  }

  /**
   * The same behind another one that is on its way, from whose end it must advance: if that fails, so does
   * this. Its answer is for when its turn has come; until then nothing else may be said but through us.
   */
  sendBehind(all: readonly Statement[]): Promise<readonly GroupResult[]> {
    const answer = this.session.groupBehind([...all, commit, this.frame.flush]).then(upToCommit);
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
    const results = await this.session.group([
      ...last,
      ...this.#conflicts(),
      commit,
      this.frame.flush,
    ]);
    this.frame.committed(upToCommit(results).at(-1), endLsn);
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

  #conflicts(): Statement[] {
    const statements = this.ledger.statements();
    if (statements.length > 0) this.#onConflicts(this.ledger.summary);
    return statements;
  }
}

function upToCommit(results: readonly GroupResult[]): readonly GroupResult[] {
  return results.slice(0, -1);
}
