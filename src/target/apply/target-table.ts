// A relation of the stream matched, by name, with the table of the target: which value goes into
// which column, cast to what, and by which key a row is found. Refuses what would bend a value.
import type { ConflictLog } from '../../config/config.ts';
import { ReplicatorError } from '../../model/errors.ts';
import {
  type Relation,
  type RelationColumn,
  type TableName,
  tableLabel,
} from '../../model/relation.ts';
import type {
  CatalogColumn,
  CatalogKey,
  CatalogTable,
  CatalogUnique,
} from '../../postgres/catalog.ts';
import { firstUserOid, fitsUnchanged } from '../../postgres/column-types.ts';
import { quoteIdentifier, quoteTable } from '../../postgres/identifiers.ts';
import { replicaKeyOf } from '../../postgres/replica-key.ts';

export interface TargetColumn {
  /** Position of its value in the stream's tuples. */
  readonly index: number;
  readonly name: string;
  readonly quoted: string;
  readonly castType: string;
  /** GENERATED ALWAYS AS IDENTITY: may be inserted, never updated. */
  readonly identityAlways: boolean;
  /** Equality of its type; undefined where there is none, as for json. */
  readonly equals: string | undefined;
}

export interface KeyColumn extends TargetColumn {
  readonly equals: string;
  /** See CatalogKey. */
  readonly hash: string | null;
  readonly collation: string | null;
}

/** A unique index beside the key, whose values two databases can give to different rows. */
export interface UniqueKey {
  /** See CatalogUnique. */
  readonly seed: string;
  readonly columns: readonly KeyColumn[];
  /** NULL is a value like others. */
  readonly nullsNotDistinct: boolean;
}

/** How conflicts about its rows are treated. */
export interface Contested {
  /** The first of the syncs that bring it. */
  readonly sync: string;
  readonly log: ConflictLog;
  /** A row that was overruled so soon after it was committed is a conflict. */
  readonly windowMs: number;
  /** A person is to say which row stays. */
  readonly pauses: boolean;
  /** The target sends changes of it as well, and names its rows by its own replica identity. */
  readonly isSource?: boolean;
}

/** Name and oid are those of the target's table, not of the stream's relation. */
export interface TargetTable extends TableName {
  readonly relation: Relation;
  readonly oid: string;
  /** Its columns when it was described, as shapeOf() gives them. */
  readonly shape: string;
  /** Several databases write to it, so versions decide between their changes. */
  readonly contested: Contested | undefined;
  readonly label: string;
  readonly quoted: string;
  readonly partitioned: boolean;
  readonly columns: readonly TargetColumn[];
  /** Undefined: rows can be inserted, but neither found nor told apart. */
  readonly key: readonly KeyColumn[] | undefined;
  /** Of a contested table. */
  readonly uniques: readonly UniqueKey[];
}

/** A type as DDL names it; `…` for one that only the source knows. */
export type TypeNames = (column: RelationColumn) => string;

/** Throws SCHEMA_DRIFT, with the DDL that mends it, before anything wrong could be written. */
export function matchTable(
  relation: Relation,
  catalog: CatalogTable | undefined,
  database: string,
  contested: Contested | undefined,
  typeName: TypeNames = () => '…',
): TargetTable {
  const label = tableLabel(relation);
  if (catalog === undefined)
    throw new ReplicatorError('SCHEMA_DRIFT', `${database}: table ${label} does not exist`, {
      hint: `create it as on the source: pg_dump --schema-only --table '${label}'`,
    });
  const here = tableLabel(catalog);
  const columns: TargetColumn[] = [];
  relation.columns.forEach((column, index) => {
    const found = catalog.columns.find(({ name }) => name === column.name);
    if (found === undefined) throw missingColumn(database, relation, column, catalog, typeName);
    if (found.generated) return;
    if (!fitsUnchanged(column, found))
      throw new ReplicatorError(
        'SCHEMA_DRIFT',
        `${database}: ${here}, column ${column.name} is ${found.declaredType}, on the source it is ${sourceType(column, typeName)}`,
        {
          hint: `alter table ${here} alter column ${quoteIdentifier(column.name)} type ${typeName(column)}`,
        },
      );
    columns.push(targetColumn(index, found));
  });
  const best = bestKey(relation, catalog);
  const key = best && keyColumns(best, columns);
  if (contested?.isSource === true) refuseOtherIdentity(relation, catalog, database);
  if (contested !== undefined && key !== undefined) refuseFixed(columns, key, here, database);
  return targetTable(relation, catalog, contested, { columns, key });
}

/**
 * A table of a database's own stream, which is behind what was done to the table since: with the columns that are
 * still what they were, as nothing is written there, and without a key where that is another one by now: its values
 * would name other rows.
 */
export function matchOwnTable(
  relation: Relation,
  catalog: CatalogTable,
  contested: Contested | undefined,
): TargetTable {
  const columns = relation.columns.flatMap((column, index) => {
    const found = catalog.columns.find(({ name }) => name === column.name);
    return found !== undefined && isSame(column, found) ? targetColumn(index, found) : [];
  });
  const best = bestKey(relation, catalog);
  const found = best && keyColumns(best, columns);
  const identity = relation.columns.filter((column) => column.identity);
  const sent = relation.replicaIdentity === 'full' ? best?.columns.length : identity.length;
  const key = found?.length === best?.columns.length && found?.length === sent ? found : undefined;
  return targetTable(relation, catalog, contested, { columns, key });
}

/** Types of users are told apart too: in one database they have one oid. */
function isSame(column: RelationColumn, found: CatalogColumn): boolean {
  if (found.generated || !fitsUnchanged(column, found)) return false;
  return found.typeOid < firstUserOid || found.typeOid === column.typeOid;
}

function targetTable(
  relation: Relation,
  catalog: CatalogTable,
  contested: Contested | undefined,
  { columns, key }: Pick<TargetTable, 'columns' | 'key'>,
): TargetTable {
  return {
    relation,
    schema: catalog.schema,
    name: catalog.name,
    oid: catalog.oid,
    shape: catalog.shape,
    contested,
    label: tableLabel(catalog),
    quoted: quoteTable(catalog),
    partitioned: catalog.partitioned,
    columns,
    key,
    uniques: contested === undefined ? [] : uniquesOf(catalog, columns, key),
  };
}

function targetColumn(index: number, { name, castType, identity, equals }: CatalogColumn) {
  return {
    index,
    name,
    quoted: quoteIdentifier(name),
    castType,
    identityAlways: identity === 'always',
    equals: equals ?? undefined,
  };
}

/** Where two databases insert a row, each would keep its own value; another key is another row. */
function refuseFixed(
  columns: readonly TargetColumn[],
  key: readonly KeyColumn[],
  label: string,
  database: string,
): void {
  const isOfKey = ({ index }: TargetColumn) => key.some((column) => column.index === index);
  const fixed = columns.find((column) => column.identityAlways && !isOfKey(column));
  if (fixed !== undefined)
    throw new ReplicatorError(
      'SCHEMA_DRIFT',
      `${database}: ${label}, column ${fixed.name} is GENERATED ALWAYS AS IDENTITY and not of the key, and several databases write to the table`,
      { hint: `alter table ${label} alter column ${fixed.quoted} set generated by default` },
    );
}

function sourceType(column: RelationColumn, typeName: TypeNames): string {
  const name = typeName(column);
  return name === '…' ? 'another' : name;
}

/** If there is exactly one column that the source lacks and that would fit, it was renamed there. */
function missingColumn(
  database: string,
  relation: Relation,
  column: RelationColumn,
  catalog: CatalogTable,
  typeName: TypeNames,
): ReplicatorError {
  const label = tableLabel(catalog);
  const [candidate, ...more] = catalog.columns.filter(
    (found) =>
      !found.generated &&
      fitsUnchanged(column, found) &&
      !relation.columns.some(({ name }) => name === found.name),
  );
  const name = quoteIdentifier(column.name);
  const add = `alter table ${label} add column ${name} ${typeName(column)}`;
  const hint =
    candidate === undefined || more.length > 0
      ? add
      : `${add}; or, if it was renamed there: alter table ${label} rename column ${quoteIdentifier(candidate.name)} to ${name}`;
  return new ReplicatorError('SCHEMA_DRIFT', `${database}: ${label} has no column ${column.name}`, {
    hint,
  });
}

/**
 * The target's unique index by which rows are found: its columns must be sent with every update
 * and delete, so they must be part of the source's replica identity. The very same columns first.
 */
function bestKey(relation: Relation, catalog: CatalogTable): CatalogKey | undefined {
  const identity = new Set(relation.columns.filter((c) => c.identity).map((c) => c.name));
  const usable = (key: CatalogKey) =>
    key.immediate && key.columns.every((name) => identity.has(name));
  const rank = (key: CatalogKey) =>
    (key.columns.length === identity.size ? 4 : 0) +
    (key.replicaIdentity ? 2 : 0) +
    (key.primary ? 1 : 0);
  return catalog.keys.filter(usable).sort((a, b) => rank(b) - rank(a))[0];
}

/** What two sources delete would be remembered by different columns, and neither would know the other's. */
function refuseOtherIdentity(relation: Relation, catalog: CatalogTable, database: string): void {
  // With FULL the primary key finds them.
  const replicaIdentity = catalog.replicaIdentity === 'index' ? 'index' : 'default';
  const own = replicaKeyOf({ keys: catalog.keys, replicaIdentity });
  if (typeof own === 'string' || relation.replicaIdentity === 'full') return;
  const sent = relation.columns.filter(({ identity }) => identity).map(({ name }) => name);
  if (own.length === sent.length && own.every((name) => sent.includes(name))) return;
  throw new ReplicatorError(
    'REPLICA_IDENTITY',
    `${database}: ${tableLabel(catalog)} names its rows by (${own.join(', ')}), and its source by (${sent.join(', ')}): several sources must do it by the same columns`,
    {
      hint: 'set it back to what it was; what was written meanwhile does not tell its rows: take that database out and add it again, docs/how-to/remove.md',
    },
  );
}

/** Not those that the key is a part of: where it differs, they do. */
function uniquesOf(
  catalog: CatalogTable,
  columns: readonly TargetColumn[],
  key: readonly KeyColumn[] | undefined,
): UniqueKey[] {
  const isImplied = (unique: CatalogUnique) =>
    key === undefined || key.every(({ name }) => unique.columns.includes(name));
  return catalog.uniques.flatMap((unique) => {
    const found = keyColumns(unique, columns);
    if (isImplied(unique) || !unique.immediate || found.length < unique.columns.length) return [];
    const { seed, nullsNotDistinct } = unique;
    return [{ seed, columns: found, nullsNotDistinct }];
  });
}

/** Without columns that the stream does not carry. */
function keyColumns(
  { columns: names, operators, hashes, collations }: CatalogKey,
  columns: readonly TargetColumn[],
): KeyColumn[] {
  return names.flatMap((name, i) => {
    const column = columns.find((candidate) => candidate.name === name);
    const equals = operators[i];
    const hash = hashes[i] ?? null;
    const collation = collations[i] ?? null;
    return column === undefined || equals === undefined
      ? []
      : [{ ...column, equals, hash, collation }];
  });
}
