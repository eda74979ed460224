// Tombstones, manifests and claims name a row by a hash of its key that agrees with the equality of
// the key's index: 1.0 and 1.00 are one numeric, and a collation may take different strings for one.
import type { CatalogTable } from './catalog.ts';
import { quoteIdentifier } from './identifiers.ts';

/** A column of a key, with what its index makes of equal values (CatalogKey). */
export interface HashedColumn {
  readonly quoted: string;
  readonly castType: string;
  readonly hash: string | null;
  readonly collation: string | null;
}

/** The key by which a table's rows are told apart where several databases write; undefined without. */
export function hashedKey({
  keys,
  columns,
  replicaIdentity,
}: CatalogTable): HashedColumn[] | undefined {
  const key = keys.find((each) =>
    replicaIdentity === 'index' ? each.replicaIdentity : each.primary,
  );
  return key?.columns.map((name, i) => ({
    quoted: quoteIdentifier(name),
    castType: columns.find((column) => column.name === name)?.castType ?? 'text',
    hash: key.hashes[i] ?? null,
    collation: key.collations[i] ?? null,
  }));
}

/** SQL of a bigint over the key, each of whose values `exprOf` names; NULL is a value on request. */
export function keyHash(
  key: readonly HashedColumn[],
  exprOf: (column: HashedColumn, i: number) => string,
  { seed: first = '0', withNulls = false } = {},
): string {
  return key.reduce((seed, column, i) => {
    const collate = column.collation === null ? '' : ` collate ${column.collation}`;
    const value = `${exprOf(column, i)}${collate}`;
    const hash =
      column.hash === null
        ? `pg_catalog.hashtextextended((${value})::text, ${seed})`
        : `${column.hash}(${value}, ${seed})`;
    return withNulls ? `coalesce(${hash}, pg_catalog.hashint8extended(${seed}, 1))` : hash;
  }, `${first}::bigint`);
}

/** Over the values `u.k0`, `u.k1`, … that came with the statement. */
export function givenKeyHash(key: readonly HashedColumn[]): string {
  return keyHash(key, ({ castType }, i) => `u.k${i}::${castType}`);
}

/** Over the columns of the target's row. */
export function rowKeyHash(key: readonly HashedColumn[]): string {
  return keyHash(key, ({ quoted }) => `t.${quoted}`);
}
