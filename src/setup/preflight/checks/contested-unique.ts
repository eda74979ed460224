// Where several databases write to a table, a unique value belongs to the row that claimed it last.
// That can be followed for values of columns, and only when all databases guard the same ones.
import { hasSeveralWriters } from '../../../config/writers.ts';
import { quoteIdentifier } from '../../../postgres/identifiers.ts';
import { replicaKeyOf } from '../../../postgres/replica-key.ts';
import { type TableEnd, type TablePair, tablePairs, targetEnds } from '../carried-tables.ts';
import type { PreflightFacts } from '../facts.ts';
import type { Check, Problem } from '../finding.ts';
import type { TableFacts, UniqueIndex } from '../read/read-tables.ts';

export const contestedUnique: Check = {
  name: 'contested-unique',
  category: 'schema',
  find: (facts) => [
    ...judgeEach(facts),
    ...targetEnds(facts).flatMap((end) => findUnhashable(facts, end)),
    ...tablePairs(facts).flatMap((pair) => compare(facts, pair)),
  ],
};

function judgeEach(facts: PreflightFacts): Problem[] {
  return targetEnds(facts)
    .filter(({ database, table }) => hasSeveralWriters(facts.config, database.name, table))
    .flatMap(({ label, database, table }) =>
      table.uniqueIndexes
        .filter(({ plain, deferrable }) => !plain || deferrable)
        .map((index) => ({
          severity: 'error',
          code: 'CONFIGURATION',
          database: database.name,
          table: label,
          message: `${database.name}: ${label} has ${kindOf(index)} ${index.name}: with several sources it cannot be said which row keeps a value`,
          hint: remedy(table, index),
        })),
    );
}

function kindOf({ plain, definition }: UniqueIndex): string {
  if (plain) return 'the deferrable constraint';
  return definition.startsWith('EXCLUDE')
    ? 'the exclusion constraint'
    : 'the unique index over an expression or a part of its rows';
}

function remedy({ schema }: TableFacts, { plain, name, definition }: UniqueIndex): string {
  if (plain) return 'make it not deferrable';
  const drop = definition.startsWith('EXCLUDE')
    ? `drop constraint ${quoteIdentifier(name)}`
    : `drop index ${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
  return `${drop}; or write to the table on one database only`;
}

/** Where an index covers the key no value is claimed, and contested-key looks at the key. */
function findUnhashable({ config }: PreflightFacts, end: TableEnd): Problem[] {
  const { label, database, table } = end;
  const key = replicaKeyOf(table);
  if (typeof key === 'string' || !hasSeveralWriters(config, database.name, table)) return [];
  return table.uniqueIndexes
    .filter(({ plain, columns }) => plain && !key.every((column) => columns.includes(column)))
    .flatMap(({ name, columns }) =>
      columns
        .filter((column) => table.unhashableColumns.includes(column))
        .map((column) => ({
          severity: 'error',
          code: 'CONFIGURATION',
          database: database.name,
          table: label,
          column,
          message: `${database.name}: ${label}, column ${column} of ${name} is of a type without a hash: with several sources equal values could not be told to be equal`,
          hint: `drop ${name}, or write to ${label} on one database only`,
        })),
    );
}

function compare({ config }: PreflightFacts, pair: TablePair): Problem[] {
  const { label, source, sourceTable, target, targetTable } = pair;
  if (!hasSeveralWriters(config, target.name, targetTable)) return [];
  const sameColumns = (a: UniqueIndex) => (b: UniqueIndex) =>
    b.plain &&
    a.columns.length === b.columns.length &&
    a.columns.every((c, i) => c === b.columns[i]);
  return targetTable.uniqueIndexes
    .filter((index) => index.plain && !sourceTable.uniqueIndexes.some(sameColumns(index)))
    .map((index) => ({
      severity: 'error',
      code: 'SCHEMA_DRIFT',
      database: target.name,
      table: label,
      message: `${target.name}: ${label} is unique over (${index.columns.join(', ')}), and not so on ${source.name}: with several sources rows would go here that stay there`,
      hint: `create the same index on ${source.name}, or drop ${index.name} here`,
    }));
}
