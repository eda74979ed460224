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
    this.ledger.clear();
    await this.session.group(head);
  }

  /** A whole transaction in one round trip; `all` begins with BEGIN. Gives the results, COMMIT's last. */
  async commitAtOnce(all: readonly Statement[], endLsn: Lsn): Promise<readonly GroupResult[]> {
    const results = await this.session.group([...all, commit]);
    this.frame.committed(results.at(-1), endLsn);
    return results;
  }

  /** With the conflicts that it met. */
  async commit(last: readonly Statement[], endLsn: Lsn): Promise<void> {
    const results = await this.session.group([...last, ...this.#conflicts(), commit]);
    this.frame.committed(results.at(-1), endLsn);
  }

  async rollback(): Promise<void> {
    this.ledger.clear();
    await this.session.rollback();
  }

  /** Of a transaction that is committed already: a crash may leave them uncounted. */
  async countConflicts(): Promise<void> {
    await this.execute(this.#conflicts());
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
