// Where several databases write to a table, each must take the same changes for changes of one row.
import { hasSeveralWriters, writersOf } from '../../../config/writers.ts';
import { quoteTable } from '../../../postgres/identifiers.ts';
import { replicaKeyOf } from '../../../postgres/replica-key.ts';
import { type TableEnd, type TablePair, tablePairs, targetEnds } from '../carried-tables.ts';
import { columnList } from '../create-table.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check, Problem } from '../finding.ts';

export const contestedKey: Check = {
  name: 'contested-key',
  category: 'schema',
  find: (facts) => [
    ...tablePairs(facts).flatMap((pair) => compareKeys(facts, pair)),
    ...targetEnds(facts).flatMap((end) => findUnhashable(facts, end)),
  ],
};

/** Those of two sources; what a target needs that is none, target-key says. */
function compareKeys({ config }: PreflightFacts, pair: TablePair): Problem[] {
  const { label, source, sourceTable, target, targetTable } = pair;
  const [here, there] = [replicaKeyOf(targetTable), replicaKeyOf(sourceTable)];
  const meets = writersOf(config, target.name, targetTable).includes(target.name);
  // What else they can be is an error of replica-identity.
  if (!meets || typeof here === 'string' || typeof there === 'string') return [];
  if (here.length === there.length && here.every((column) => there.includes(column))) return [];
  return [
    {
      severity: 'error',
      code: 'REPLICA_IDENTITY',
      database: target.name,
      table: label,
      message: `${target.name}: ${label} has the key (${here.join(', ')}), and (${there.join(', ')}) on ${source.name}: several sources must name a row by the same columns`,
      hint: `alter table ${quoteTable(targetTable)} add primary key (${columnList(there)}), or set its replica identity to an index over these`,
    },
  ];
}

function findUnhashable({ config }: PreflightFacts, end: TableEnd): Problem[] {
  const { label, database, table } = end;
  const key = replicaKeyOf(table);
  if (typeof key === 'string' || !hasSeveralWriters(config, database.name, table)) return [];
  return key
    .filter((column) => table.unhashableColumns.includes(column))
    .map((column) => ({
      severity: 'error',
      code: 'REPLICA_IDENTITY',
      database: database.name,
      table: label,
      column,
      message: `${database.name}: ${label}, key column ${column} is of a type without a hash: with several sources equal keys could not be told to be equal`,
      hint: `make another unique index the replica identity of ${label}, or write to it on one database only`,
    }));
}
