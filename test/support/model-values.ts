// What the model's types look like in tests that need no server.
import type { Relation } from '../../src/model/relation.ts';
import type {
  TransactionHead,
  TransactionPart,
  WholeTransaction,
} from '../../src/model/transaction.ts';
import type { TargetTable } from '../../src/target/apply/target-table.ts';

/** `id*`, `name`: a star marks a column of the replica identity. All are text. */
export function relationOf(
  name: string,
  columns: readonly string[] = ['id*', 'v'],
  oid = 16_384,
): Relation {
  return {
    oid,
    schema: 'public',
    name,
    replicaIdentity: 'default',
    columns: columns.map((column) => ({
      name: column.replace('*', ''),
      typeOid: 25,
      typeModifier: -1,
      identity: column.endsWith('*'),
    })),
  };
}

/** A target table that has the very columns and key of the relation. */
export function targetTableOf(relation: Relation): TargetTable {
  const columns = relation.columns.map(({ name }, index) => ({
    index,
    name,
    quoted: `"${name}"`,
    castType: 'text',
    identityAlways: false,
    equals: 'operator(pg_catalog.=)',
  }));
  const key = columns
    .filter(({ index }) => relation.columns[index]?.identity)
    .map((column) => ({ ...column, hash: 'pg_catalog.hashtextextended', collation: null }));
  const { schema, name } = relation;
  return {
    relation,
    schema,
    name,
    oid: String(relation.oid),
    shape: '',
    contested: undefined,
    label: `${schema}.${name}`,
    quoted: `"${schema}"."${name}"`,
    partitioned: false,
    columns,
    key: key.length > 0 ? key : undefined,
    uniques: [],
  };
}

export function headOf(commitLsn: bigint, commitTime = commitLsn): TransactionHead {
  return { xid: Number(commitLsn), commitTime, commitLsn };
}

/** A whole transaction, but for `rest`, that ends ten bytes after the start of its commit record. */
export function transactionOf(
  commitLsn: bigint,
  changes?: TransactionPart['changes'],
): WholeTransaction;
export function transactionOf(
  commitLsn: bigint,
  changes: TransactionPart['changes'],
  rest: Partial<TransactionPart>,
): TransactionPart;
export function transactionOf(
  commitLsn: bigint,
  changes: TransactionPart['changes'] = [],
  rest: Partial<TransactionPart> = {},
): TransactionPart {
  return {
    transaction: headOf(commitLsn),
    first: true,
    changes,
    bytes: changes.length * 100,
    endLsn: commitLsn + 10n,
    marked: false,
    ...rest,
  };
}
