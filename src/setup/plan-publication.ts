// One publication per source, naming exactly the tables that its subscriptions carry.
import type { Config } from '../config/config.ts';
import { tablesOfSource } from '../config/merge-syncs.ts';
import { ReplicatorError } from '../model/errors.ts';
import { type TableName, tableLabel } from '../model/relation.ts';
import { listTables } from '../postgres/catalog.ts';
import { quoteIdentifier, quoteTable } from '../postgres/identifiers.ts';
import { publicationName } from '../postgres/object-names.ts';
import { publishedTables } from '../postgres/publication.ts';
import type { Session } from '../postgres/session.ts';
import type { SetupStep } from './setup-step.ts';

const marker: TableName = { schema: 'replicator', name: 'marker' };

/**
 * Creates the publication with the tables that exist now. Tables that turn up later are added when
 * they join a subscription (snapshot/), under the rule of its `initial_copy`.
 */
export async function* planPublication(
  config: Config,
  session: Session,
): AsyncGenerator<SetupStep> {
  const source = session.database.name;
  const name = publicationName(source);
  const found = await session.query(
    `select puballtables::text as all_tables from pg_catalog.pg_publication where pubname = $1`,
    [name],
  );
  const wanted = tablesOfSource(config.subscriptions, source, await listTables(session));
  if (found[0] === undefined) {
    // Without ONLY those that inherit from one would go in, and out, with it.
    const tables = [...wanted, marker].map((table) => `  table only ${quoteTable(table)}`);
    yield {
      database: source,
      // A partitioned table's changes come as its own, so that partitions may differ elsewhere.
      sql:
        `create publication ${quoteIdentifier(name)} for\n` +
        `${tables.join(',\n').replaceAll(/,\n {2}table /g, ',\n        ')}\n` +
        '  with (publish_via_partition_root = true)',
    };
    return;
  }
  if (found[0]['all_tables'] === 'true')
    throw new ReplicatorError(
      'CONFIGURATION',
      `${source}: publication ${name} is FOR ALL TABLES, it was not made by replicator`,
      { hint: `drop publication ${quoteIdentifier(name)}` },
    );
  yield* dropUnwanted(session, name, wanted);
}

/** What left the file leaves the publication, and must join anew if it ever returns. */
async function* dropUnwanted(
  session: Session,
  publication: string,
  wanted: readonly TableName[],
): AsyncGenerator<SetupStep> {
  const labels = new Set([...wanted, marker].map(tableLabel));
  for (const table of await publishedTables(session, publication))
    if (!labels.has(tableLabel(table)))
      yield {
        database: session.database.name,
        sql: `alter publication ${quoteIdentifier(publication)} drop table only ${quoteTable(table)}`,
      };
}
