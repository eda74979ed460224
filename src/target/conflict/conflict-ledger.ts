// The conflicts of the batch that is being applied: what will be written of them with it, and the one
// at which a person has to be asked first.
import type { ConflictLog } from '../../config/config.ts';
import type {
  Conflict,
  ConflictCount,
  ConflictCounts,
  ConflictKind,
  ConflictResolution,
} from '../../model/conflict.ts';
import { ReplicatorError } from '../../model/errors.ts';
import { tableLabel } from '../../model/relation.ts';
import type { GroupResult, Statement } from '../../postgres/statement-group.ts';
import { findDecision, recordUndecided } from './conflict-decision.ts';
import { conflictOf, conflictOfClash, isWorthTelling } from './conflict-kind.ts';
import { addConflictCounts, type ConflictColumns, logConflicts, toldOf } from './conflict-log.ts';
import type { Clash } from './look-at-values.ts';
import type { Settled } from './settle-row.ts';

export interface LedgerOptions {
  readonly source: string;
  readonly target: string;
  readonly execute: (statements: readonly Statement[]) => Promise<readonly GroupResult[]>;
}

export class ConflictLedger {
  readonly #options: LedgerOptions;
  readonly #counts = new Map<string, ConflictCount>();
  #told: ConflictColumns[] = [];
  #undecided: Conflict | undefined;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Of a batch that begins, or begins anew. */
  clear(): void {
    this.#counts.clear();
    this.#told = [];
    this.#undecided = undefined;
  }

  count(kind: ConflictKind, resolution: ConflictResolution, count: number): void {
    if (count <= 0) return;
    const before = this.#counts.get(`${kind} ${resolution}`)?.count ?? 0;
    this.#counts.set(`${kind} ${resolution}`, { kind, resolution, count: before + count });
  }

  /** In turn, before any is carried out. Throws CONFLICT where a person is to say and has not. */
  async decided(all: readonly Settled[]): Promise<void> {
    for (const settled of all) {
      const { contested } = settled.table;
      const conflict = contested && conflictOf(settled);
      if (contested === undefined || conflict === undefined) continue;
      const told = isWorthTelling(conflict, contested.windowMs);
      if (told && contested.pauses) {
        // what a person has decided is carried out already, and told
        await this.#expectDecision(conflict);
        continue;
      }
      this.count(conflict.kind, conflict.resolution, 1);
      if (told) this.#tell(conflict, contested.log);
    }
  }

  async #expectDecision(conflict: Conflict): Promise<void> {
    const { source, target, execute } = this.#options;
    const [found] = await execute([findDecision(source, conflict)]);
    if (found?.rows.length !== 0) return;
    this.#undecided = conflict;
    const where = `${source}:${target}: ${tableLabel(conflict.table)}`;
    throw new ReplicatorError(
      'CONFLICT',
      `${where}: a row was changed on both sides (${conflict.kind})`,
    );
  }

  /** Always told: nobody who wrote one of the rows has seen the other's value. */
  clashed(clash: Clash): void {
    const { contested } = clash.table;
    if (contested === undefined) return;
    const conflict = conflictOfClash(clash);
    this.count(conflict.kind, conflict.resolution, 1);
    this.#tell(conflict, contested.log);
  }

  /** As it will be written: its rows need not be kept for that. */
  #tell(conflict: Conflict, log: ConflictLog): void {
    const told = toldOf(conflict, log);
    if (told !== undefined) this.#told.push(told);
  }

  /** For the transaction that decides; empty when there is nothing to tell. */
  statements(): Statement[] {
    if (this.#counts.size === 0) return [];
    const { source } = this.#options;
    const log = logConflicts(source, this.#told);
    return [
      addConflictCounts(source, [...this.#counts.values()]),
      ...(log === undefined ? [] : [log]),
    ];
  }

  /** What a person is to decide, for a transaction of its own behind the rollback. */
  undecided(): Statement[] {
    return this.#undecided === undefined
      ? []
      : [recordUndecided(this.#options.source, this.#undecided)];
  }

  /** By kind, for the log. */
  get summary(): ConflictCounts {
    const summary: ConflictCounts = {};
    for (const { kind, count } of this.#counts.values())
      summary[kind] = (summary[kind] ?? 0) + count;
    return summary;
  }
}
