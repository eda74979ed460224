// Tombstones, manifests and claims name a row by a hash of its key that agrees with the equality of
// the key's index: 1.0 and 1.00 are one numeric, and a collation may take different strings for one.
import type { KeyColumn } from '../apply/target-table.ts';

/** SQL of a bigint over the key, each of whose values `exprOf` names. */
export function keyHash(
  key: readonly KeyColumn[],
  exprOf: (column: KeyColumn, i: number) => string,
): string {
  return key.reduce((seed, column, i) => {
    const collate = column.collation === null ? '' : ` collate ${column.collation}`;
    const value = `${exprOf(column, i)}${collate}`;
    return column.hash === null
      ? `pg_catalog.hashtextextended((${value})::text, ${seed})`
      : `${column.hash}(${value}, ${seed})`;
  }, '0::bigint');
}

/** Over the values `u.k0`, `u.k1`, … that came with the statement. */
export function givenKeyHash(key: readonly KeyColumn[]): string {
  return keyHash(key, ({ castType }, i) => `u.k${i}::${castType}`);
}

/** Over the columns of the target's row. */
export function rowKeyHash(key: readonly KeyColumn[]): string {
  return keyHash(key, ({ quoted }) => `t.${quoted}`);
}
