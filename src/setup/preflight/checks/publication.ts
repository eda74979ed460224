// Our publication as setup makes it: the tables by name, whole, every operation. What else it says
// was changed by somebody, and changes would be missing or come in another shape.
import { type TableName, tableLabel } from '../../../model/relation.ts';
import { quoteIdentifier, quoteTable } from '../../../postgres/identifiers.ts';
import { publicationName } from '../../../postgres/object-names.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check, Problem } from '../finding.ts';
import { sourcesAmong } from '../members.ts';
import type { OwnPublication } from '../read/read-publications.ts';

export const publication: Check = {
  name: 'publication',
  category: 'publication',
  find: (facts) =>
    sourcesAmong(facts).flatMap(({ name, publications: { own } }) =>
      own === undefined ? [] : judge(facts, name, own),
    ),
};

const everyOperation = ['insert', 'update', 'delete', 'truncate'];

function judge(facts: PreflightFacts, database: string, own: OwnPublication): Problem[] {
  const name = publicationName(database);
  const alter = `alter publication ${quoteIdentifier(name)}`;
  const error = (what: string, hint: string, table?: string): Problem => ({
    severity: 'error',
    code: 'CONFIGURATION',
    database,
    ...(table !== undefined && { table }),
    message: `${database}: publication ${name} ${what}`,
    hint,
  });
  const installed = facts.databases.get(database)?.schema?.installed === true;
  if (own.allTables || !installed)
    return [
      error('is FOR ALL TABLES', `drop publication ${quoteIdentifier(name)}, then replicator init`),
    ];
  const problems = own.schemas.map((schema) =>
    error(
      `publishes all tables of schema ${schema}`,
      `${alter} drop tables in schema ${quoteIdentifier(schema)}`,
    ),
  );
  const missing = everyOperation.filter((operation) => !own.operations.includes(operation));
  if (missing.length > 0)
    problems.push(
      error(
        `does not publish ${missing.join(', ')}`,
        `${alter} set (publish = '${everyOperation.join(', ')}')`,
      ),
    );
  if (!own.viaRoot)
    problems.push(
      error(
        'publishes partitions instead of their table',
        `${alter} set (publish_via_partition_root = true)`,
      ),
    );
  if (!own.tables.some(isMarker))
    problems.push(error('lacks replicator.marker', `${alter} add table ${quoteTable(marker)}`));
  for (const table of own.tables) {
    if (!table.hasRowFilter && !table.hasColumnList) continue;
    const label = tableLabel(table);
    const what = table.hasRowFilter ? 'a row filter' : 'a column list';
    const again = `begin; ${alter} drop table ${quoteTable(table)}; ${alter} add table ${quoteTable(table)}; commit`;
    problems.push(error(`has ${what} for ${label}`, again, label));
  }
  return [...problems, ...unpublished(facts, database, own, alter)];
}

const marker: TableName = { schema: 'replicator', name: 'marker' };

function isMarker(table: TableName): boolean {
  return tableLabel(table) === tableLabel(marker);
}

/** What has joined counts as complete, so its changes must not stop coming. */
function unpublished(
  { carried }: PreflightFacts,
  database: string,
  own: OwnPublication,
  alter: string,
): Problem[] {
  const published = new Set(own.tables.map(tableLabel));
  const lost = carried.filter(
    ({ source, label, joined }) => source.name === database && joined && !published.has(label),
  );
  return lost.map(({ label, sourceTable, target }) => ({
    severity: 'error',
    code: 'GAP',
    database,
    table: label,
    message: `${database}: ${label} has left publication ${publicationName(database)}: ${target?.name} misses its changes since then`,
    hint: `${alter} add table ${quoteTable(sourceTable)}; then copy it to ${target?.name} anew`,
  }));
}
