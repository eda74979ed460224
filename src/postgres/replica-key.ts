// By which columns a table's rows are named in the stream.
// https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-REPLICA-IDENTITY
import type { CatalogKey, CatalogTable } from './catalog.ts';

/** `all columns` with FULL; `none`: an UPDATE or DELETE fails once the table is published. */
export type ReplicaKey = readonly string[] | 'all columns' | 'none';

/** The server never takes a deferrable index, not even that of the primary key. */
export function replicaKeyOf({
  replicaIdentity,
  keys,
}: Pick<CatalogTable, 'replicaIdentity' | 'keys'>): ReplicaKey {
  const columnsOf = (wanted: (key: CatalogKey) => boolean) =>
    keys.find((key) => key.immediate && wanted(key))?.columns ?? 'none';
  switch (replicaIdentity) {
    case 'default':
      return columnsOf(({ primary }) => primary);
    case 'index':
      return columnsOf(({ replicaIdentity }) => replicaIdentity);
    case 'full':
      return 'all columns';
    case 'nothing':
      return 'none';
  }
}
