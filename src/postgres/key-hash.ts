// Tombstones, manifests and claims name a row by a hash of its key that agrees with the equality of
// the key's index: 1.0 and 1.00 are one numeric, and a collation may take different strings for one. They
// are copied to other databases, so it depends on nothing that a database has of its own: neither the oids
// of enums nor attnums, nor which functions its major has.
import type { CatalogTable } from './catalog.ts';
import { collated, quoteIdentifier } from './identifiers.ts';

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
  return inOneOrder(key).reduce((seed, [column, i]) => {
    const value = collated(exprOf(column, i), column.collation);
    if (!withNulls) return hashOf(column, value, seed);
    // The seed once, as it is all that came before.
    return `pg_catalog.hashint8extended(coalesce(${hashOf(column, value, '0')}, 1), ${seed})`;
  }, `${first}::bigint`);
}

/** Its index may have the columns in another order elsewhere. */
function inOneOrder(key: readonly HashedColumn[]): (readonly [HashedColumn, number])[] {
  return key
    .map((column, i) => [column, i] as const)
    .sort(([a], [b]) => (a.quoted < b.quoted ? -1 : 1));
}

function hashOf({ hash, castType }: HashedColumn, value: string, seed: string): string {
  if (hash === null) return `pg_catalog.hashtextextended((${value})::text, ${seed})`;
  const shape = shapeOf(castType, value);
  if (shape === undefined && !ofParts.includes(hash)) return `${hash}(${value}, ${seed})`;
  return `pg_catalog.hashtextextended(${shape ?? "''"} || ' ' || ${hash}(${value}, 0)::text, ${seed})`;
}

/** Where there are no parts, or all are NULL, these forget the seed, and with it the columns before. */
const ofParts = ['array', 'multirange', 'record'].map((name) => `pg_catalog.hash_${name}_extended`);

const ofNumbers = ['numeric', 'numrange', 'nummultirange', 'jsonb'];

/**
 * SQL of a text that equal values have in common, with what PostgreSQL's hash of their type leaves out: the
 * sign of a number, which of NaN and the infinities it is (hash_numeric_extended), the kinds of jsonb
 * (jsonb_hash_extended), the bounds of an array (hash_array_extended). Else 1 and -1 were one key.
 */
function shapeOf(castType: string, value: string): string | undefined {
  const isArray = castType.endsWith('[]');
  // digits are hashed, and 1.0 is 1
  const signs = ofNumbers.includes(isArray ? castType.slice(0, -2) : castType)
    ? `pg_catalog.translate((${value})::text, '0123456789.', '')`
    : undefined;
  if (!isArray) return signs;
  return `pg_catalog.concat(${[`pg_catalog.array_dims(${value})`, signs].filter(Boolean).join(', ')})`;
}

/** Over the values `u.k0`, `u.k1`, … that came with the statement. */
export function givenKeyHash(key: readonly HashedColumn[]): string {
  return keyHash(key, ({ castType }, i) => `u.k${i}::${castType}`);
}

/** Over the columns of the target's row, as what the functions take: a domain over an enum is no enum. */
export function rowKeyHash(key: readonly HashedColumn[]): string {
  return keyHash(key, ({ quoted, castType }) => `t.${quoted}::${castType}`);
}
