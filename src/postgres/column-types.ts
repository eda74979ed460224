// Whether every value of one column is the same value in another, text for text.

/** As pgoutput or the catalogs describe it. */
export interface ColumnType {
  readonly typeOid: number;
  readonly typeModifier: number;
  /** Its name, where the catalogs are known: types that users made have no OID in common. */
  readonly castType?: string;
}

/** Types made by users and extensions have oids from here on, of their own in every database. */
export const firstUserOid = 16_384;
const widenings: Readonly<Record<number, readonly number[]>> = {
  21: [23, 20], // smallint → integer, bigint
  23: [20], // integer → bigint
  1043: [25], // varchar → text
};
const varchar = 1043;

export function fitsUnchanged(source: ColumnType, target: ColumnType): boolean {
  if (source.typeOid >= firstUserOid || target.typeOid >= firstUserOid)
    return (
      source.typeOid >= firstUserOid === target.typeOid >= firstUserOid &&
      (source.castType ?? target.castType) === target.castType
    );
  if (source.typeOid !== target.typeOid)
    return widenings[source.typeOid]?.includes(target.typeOid) === true;
  // A smaller precision would round silently (numeric, timestamp); a longer varchar takes all.
  if (target.typeModifier === -1 || target.typeModifier === source.typeModifier) return true;
  const longer = source.typeModifier !== -1 && target.typeModifier > source.typeModifier;
  return source.typeOid === varchar && longer;
}
