// What of a source's transactions belongs to one subscription: its tables, from the position on
// from which each has joined.

import type { TruncateRule } from '../config/config.ts';
import type { Change, TruncateChange } from '../model/change.ts';
import { ReplicatorError } from '../model/errors.ts';
import type { Lsn } from '../model/lsn.ts';
import { type RelationName, tableLabel } from '../model/relation.ts';
import type { TransactionPart } from '../model/transaction.ts';
import { TupleStore } from '../model/tuple-store.ts';

export interface JoinedTable {
  /**
   * Its rows were copied as of this position. A transaction is in that copy iff its commit record
   * began before it, so later ones are exactly those with `commitLsn >= copiedAt`.
   */
  readonly copiedAt: Lsn;
  readonly truncate: TruncateRule;
  /** Which table of the source it is, whatever its name is now; undefined: known by its name. */
  readonly sourceOid?: number | undefined;
  /** Its membership in the publication when it joined. */
  readonly membership?: string | undefined;
}

/** By table label; or found for each relation when it comes. */
export type JoinedTables =
  | ReadonlyMap<string, JoinedTable>
  | ((relation: RelationName) => JoinedTable | undefined);

export class PartFilter {
  readonly #tables: JoinedTables;
  readonly #byRelation = new WeakMap<RelationName, JoinedTable | 'none'>();
  readonly #byOid: ReadonlyMap<number, JoinedTable>;
  readonly #store = new TupleStore();
  /** There were changes that are not its own. */
  #leavesSome = false;

  constructor(tables: JoinedTables) {
    this.#tables = tables;
    const joined = typeof tables === 'function' ? [] : [...tables.values()];
    this.#byOid = new Map(
      joined.flatMap((table) => (table.sourceOid === undefined ? [] : [[table.sourceOid, table]])),
    );
  }

  /** By the oid of the source's table. */
  get memberships(): ReadonlyMap<number, string> {
    return new Map(
      [...this.#byOid].flatMap(([oid, { membership }]) =>
        membership === undefined ? [] : [[oid, membership]],
      ),
    );
  }

  wants(relation: RelationName): boolean {
    return this.#joined(relation) !== undefined;
  }

  /** A change of the table, of a transaction whose commit record starts there; not one that it has by a copy. */
  takes(relation: RelationName, commitLsn: Lsn): boolean {
    const joined = this.#joined(relation);
    return joined !== undefined && commitLsn >= joined.copiedAt;
  }

  /** Throws TRUNCATE_REFUSED when the sync says so. */
  changesOf(part: TransactionPart): readonly Change[] {
    const mine = this.#mineOf(part);
    this.#leavesSome ||= mine !== part.changes;
    return this.#leavesSome ? mine.map((change) => this.#copy(change)) : mine;
  }

  #mineOf({ transaction, changes }: TransactionPart): readonly Change[] {
    if (changes.every((change) => this.#isMine(change, transaction.commitLsn))) return changes;
    return changes.flatMap((change) => {
      if (change.kind === 'truncate') return this.#truncateOf(change, transaction.commitLsn) ?? [];
      return this.#isMine(change, transaction.commitLsn) ? change : [];
    });
  }

  /** So that a row which waits here does not keep those in memory that lie beside it, and nobody wants. */
  #copy(change: Change): Change {
    switch (change.kind) {
      case 'insert':
        return { ...change, new: this.#store.keep(change.new) };
      case 'update': {
        const old = change.old && this.#store.keep(change.old);
        return { ...change, old, new: this.#store.keep(change.new) };
      }
      case 'delete':
        return { ...change, old: this.#store.keep(change.old) };
      case 'truncate':
        return change;
    }
  }

  /** As it is; of what a TRUNCATE names, some may be ours. */
  #isMine(change: Change, commitLsn: Lsn): boolean {
    return change.kind !== 'truncate' && this.takes(change.relation, commitLsn);
  }

  #truncateOf(change: TruncateChange, commitLsn: Lsn): TruncateChange | undefined {
    const relations = change.relations.filter((relation) => {
      const joined = this.#joined(relation);
      if (joined === undefined || commitLsn < joined.copiedAt || joined.truncate === 'ignore')
        return false;
      if (joined.truncate === 'replicate') return true;
      throw new ReplicatorError(
        'TRUNCATE_REFUSED',
        `${tableLabel(relation)} was truncated on the source, and the sync refuses that`,
      );
    });
    return relations.length === 0 ? undefined : { ...change, relations };
  }

  #joined(relation: RelationName): JoinedTable | undefined {
    let joined = this.#byRelation.get(relation);
    if (joined === undefined) {
      joined = this.#find(relation) ?? 'none';
      this.#byRelation.set(relation, joined);
    }
    return joined === 'none' ? undefined : joined;
  }

  #find(relation: RelationName): JoinedTable | undefined {
    if (typeof this.#tables === 'function') return this.#tables(relation);
    const known = this.#byOid.get(relation.oid);
    if (known !== undefined) return known;
    const named = this.#tables.get(tableLabel(relation));
    return named?.sourceOid === undefined ? named : undefined;
  }
}
