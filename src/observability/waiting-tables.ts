// Which tables a subscription is to carry and does not: nothing of what is written there arrives.
import type { SubscriptionConfig } from '../config/config.ts';
import { mergeSyncs } from '../config/merge-syncs.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { listTables } from '../postgres/catalog.ts';
import { publicationName } from '../postgres/object-names.ts';
import { publishedTables } from '../postgres/publication.ts';
import type { Session } from '../postgres/session.ts';

export interface JoinedTable extends TableName {
  /** Null until its first attach after it joined. */
  readonly oid: string | null;
  readonly membership: string | null;
}

/** As the target has recorded them, by source; without those that lost their place. */
export async function joinedTables(
  target: Session,
): Promise<ReadonlyMap<string, readonly JoinedTable[]>> {
  const rows = await target.query<{
    source: string;
    schema: string;
    name: string;
    oid: string | null;
    membership: string | null;
  }>(
    `select source, table_schema as schema, table_name as name, source_oid::text as oid,
            membership::text as membership
     from replicator.tables where not lost`,
  );
  const tables = new Map<string, JoinedTable[]>();
  for (const { source, ...table } of rows) {
    const ofSource = tables.get(source);
    if (ofSource === undefined) tables.set(source, [table]);
    else ofSource.push(table);
  }
  return tables;
}

/** Labels of those that match a relgroup and have not joined, or are not those any more that have. */
export async function waitingTables(
  subscription: SubscriptionConfig,
  source: Session,
  joined: readonly JoinedTable[],
): Promise<string[]> {
  const wanted = mergeSyncs(subscription, await listTables(source));
  const published = await publishedTables(source, publicationName(subscription.source));
  const byOid = new Map(published.map((table) => [table.oid, table]));
  const carried = new Set(
    joined.flatMap((table) => {
      if (table.oid === null) return [tableLabel(table)];
      // By its name of today. One that was dropped and made anew, or was out for a while, is another one.
      const now = byOid.get(table.oid);
      return now?.membership === table.membership ? [tableLabel(now)] : [];
    }),
  );
  return [...wanted.keys()].filter((label) => !carried.has(label));
}
