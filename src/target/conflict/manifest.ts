// What the one stamp of a transaction hides of the rows that it writes: their own commit times, as
// `replicator.version_of` reads them.
import { givenKeyHash } from '../../postgres/key-hash.ts';
import { ownXid } from '../../postgres/own-xid.ts';
import { keyNames, unnest } from '../apply/row-sql.ts';
import type { KeyColumn, TargetTable } from '../apply/target-table.ts';

/** SQL of what an entry is made of. */
export interface ManifestValues {
  readonly rank: string;
  readonly stamp: string;
  /** An array in the order of the keys, which are the statement's first parameters. */
  readonly times: string;
}

/** A statement, or a part of one. Of a row that is told twice the later one counts. */
export function keepManifest(
  table: TargetTable,
  key: readonly KeyColumn[],
  { rank, stamp, times }: ManifestValues,
): string {
  const keys = unnest(table, keyNames(key));
  return (
    'insert into replicator.manifests as m ' +
    '(xid, relation, rank, stamp, key_hashes, commit_times) ' +
    `values (${ownXid}, ${table.oid}, ${rank}, ${stamp}, ` +
    // Without an aggregate, elements stay in the order in which they came.
    `array(select ${givenKeyHash(key)} from ${keys}), ${times}) ` +
    'on conflict (xid, relation) do update set ' +
    'key_hashes = excluded.key_hashes || m.key_hashes, ' +
    'commit_times = excluded.commit_times || m.commit_times'
  );
}
