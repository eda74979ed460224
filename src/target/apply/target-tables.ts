// The target's tables that a stream writes to, described once and kept until something changes.
import { ReplicatorError } from '../../model/errors.ts';
import {
  type Relation,
  type RelationColumn,
  type TableName,
  tableLabel,
} from '../../model/relation.ts';
import type { TransactionPart } from '../../model/transaction.ts';
import { type CatalogTable, describeTables } from '../../postgres/catalog.ts';
import { firstUserOid } from '../../postgres/column-types.ts';
import type { Session } from '../../postgres/session.ts';
import {
  type Contested,
  matchOwnTable,
  matchTable,
  type TargetTable,
  type TypeNames,
} from './target-table.ts';

export interface LoadedTables {
  readonly tables: ReadonlySet<TargetTable>;
  /** All were described just now: nothing that is believed of them can be out of date. */
  readonly allNew: boolean;
}

/** Undefined for a name under which one database writes. */
export type ContestedOf = (table: TableName) => Contested | undefined;

export interface TargetTablesOptions {
  readonly contestedOf: ContestedOf;
  /** The table of this database that takes a relation's rows; undefined: the one of that name. */
  readonly oidOf: (relation: Relation) => string | undefined;
  /** What is read is the database's own, and behind what was done to its tables since. */
  readonly isOwn: boolean;
  /** A table of its own, by its label, has another key than what is read of it, or none. */
  readonly onOtherKey: ((table: string) => void) | undefined;
}

export class TargetTables {
  readonly #session: Session;
  readonly #options: TargetTablesOptions;
  readonly #tables = new WeakMap<Relation, TargetTable | 'gone'>();

  constructor(session: Session, options: TargetTablesOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** The tables that the changes are of. Throws SCHEMA_DRIFT when one does not fit. */
  async load(parts: readonly TransactionPart[]): Promise<LoadedTables> {
    const relations = relationsOf(parts);
    const missing = new Set([...relations].filter((relation) => !this.#tables.has(relation)));
    if (missing.size > 0) await this.#describe(missing);
    const tables = new Set([...relations].flatMap((relation) => this.find(relation) ?? []));
    return { tables, allNew: missing.size === relations.size };
  }

  /** The same where all are described already; else undefined. */
  known(parts: readonly TransactionPart[]): LoadedTables | undefined {
    const tables = new Set<TargetTable>();
    for (const relation of relationsOf(parts)) {
      const table = this.#tables.get(relation);
      if (table === undefined) return undefined;
      if (table !== 'gone') tables.add(table);
    }
    return { tables, allNew: false };
  }

  async #describe(missing: ReadonlySet<Relation>): Promise<void> {
    const { contestedOf, oidOf, isOwn } = this.#options;
    const byName = [...missing].filter((relation) => oidOf(relation) === undefined);
    const oids = [...missing].flatMap((relation) => oidOf(relation) ?? []);
    const found = await describeTables(this.#session, byName, oids);
    const joined = await this.#joinedNames(found);
    const typeName = await this.#typeNames(missing);
    for (const relation of missing) {
      const wanted = oidOf(relation);
      const table = found.find(({ oid, schema, name }) =>
        wanted === undefined
          ? schema === relation.schema && name === relation.name
          : oid === wanted,
      );
      const { name } = this.#session.database;
      const names = [joined.filter(({ oid }) => oid === table?.oid), relation, table ?? []].flat();
      const contested = names.map(contestedOf).find((each) => each !== undefined);
      this.#tables.set(
        relation,
        isOwn
          ? this.#ownTable(relation, table, contested)
          : matchTable(relation, table, name, contested, typeName),
      );
    }
  }

  #ownTable(
    relation: Relation,
    catalog: CatalogTable | undefined,
    contested: Contested | undefined,
  ): TargetTable | 'gone' {
    if (catalog === undefined) return 'gone';
    const table = matchOwnTable(relation, catalog, contested);
    if (contested !== undefined && table.key === undefined) this.#options.onOtherKey?.(table.label);
    return table;
  }

  /**
   * Under which names they have joined, from whatever source: the file may not know the ones that they have now, here
   * or there, and what they have in common is still written by several.
   */
  async #joinedNames(tables: readonly CatalogTable[]): Promise<(TableName & { oid: string })[]> {
    return await this.#session.query<{ oid: string; schema: string; name: string }>(
      `select target_oid::text as oid, table_schema as schema, table_name as name
       from replicator.tables where target_oid = any($1::oid[])`,
      [tables.map(({ oid }) => oid)],
    );
  }

  /** As the target calls built-in types; others have no oid in common. */
  async #typeNames(relations: ReadonlySet<Relation>): Promise<TypeNames> {
    const columns = [...relations].flatMap((relation) => relation.columns);
    const key = (column: RelationColumn) => `${column.typeOid} ${column.typeModifier}`;
    const known = new Map(
      columns.filter(({ typeOid }) => typeOid < firstUserOid).map((each) => [key(each), each]),
    );
    const rows = await this.#session.query<{ name: string }>(
      `select pg_catalog.format_type(t.oid, t.modifier) as name
       from unnest($1::oid[], $2::int[]) with ordinality as t(oid, modifier, n) order by n`,
      [
        [...known.values()].map(({ typeOid }) => typeOid),
        [...known.values()].map(({ typeModifier }) => typeModifier),
      ],
    );
    const names = new Map([...known.keys()].map((each, i) => [each, rows[i]?.name]));
    return (column) => names.get(key(column)) ?? '…';
  }

  of(relation: Relation): TargetTable {
    const table = this.find(relation);
    if (table === undefined)
      throw new ReplicatorError('INTERNAL', `table ${tableLabel(relation)} is gone`);
    return table;
  }

  /** Undefined for one of the database's own that is gone. */
  find(relation: Relation): TargetTable | undefined {
    const table = this.#tables.get(relation);
    if (table === undefined)
      throw new ReplicatorError('INTERNAL', `table ${tableLabel(relation)} was not loaded`);
    return table === 'gone' ? undefined : table;
  }
}

/** Whether rows of several databases meet in one of them. */
export function isContested(tables: ReadonlySet<TargetTable>): boolean {
  return [...tables].some(({ contested, key }) => contested !== undefined && key !== undefined);
}

function relationsOf(parts: readonly TransactionPart[]): Set<Relation> {
  const relations = new Set<Relation>();
  let last: Relation | undefined;
  for (const { changes } of parts)
    for (const change of changes) {
      if (change.kind === 'truncate')
        for (const relation of change.relations) relations.add(relation);
      else if (change.relation !== last) {
        last = change.relation;
        relations.add(last);
      }
    }
  return relations;
}
