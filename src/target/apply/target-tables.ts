// The target's tables that a stream writes to, described once and kept until something changes.
import type { Change } from '../../model/change.ts';
import { ReplicatorError } from '../../model/errors.ts';
import { type Relation, tableLabel } from '../../model/relation.ts';
import { describeTables } from '../../postgres/catalog.ts';
import type { Session } from '../../postgres/session.ts';
import { matchTable, type TargetTable } from './target-table.ts';

export class TargetTables {
  readonly #session: Session;
  readonly #tables = new WeakMap<Relation, TargetTable>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** Throws SCHEMA_DRIFT when a table of the changes does not fit. */
  async load(changes: readonly Change[]): Promise<void> {
    const missing = new Set<Relation>();
    let last: Relation | undefined;
    for (const change of changes) {
      if (change.kind === 'truncate') {
        for (const relation of change.relations)
          if (!this.#tables.has(relation)) missing.add(relation);
      } else if (change.relation !== last) {
        last = change.relation;
        if (!this.#tables.has(last)) missing.add(last);
      }
    }
    if (missing.size === 0) return;
    const found = await describeTables(this.#session, [...missing]);
    for (const relation of missing) {
      const table = found.find(
        ({ schema, name }) => schema === relation.schema && name === relation.name,
      );
      this.#tables.set(relation, matchTable(relation, table, this.#session.database.name));
    }
  }

  of(relation: Relation): TargetTable {
    const table = this.#tables.get(relation);
    if (table === undefined)
      throw new ReplicatorError('INTERNAL', `table ${tableLabel(relation)} was not loaded`);
    return table;
  }
}
