// A value that arrives must have a column, and a column that nothing arrives for must fill itself.
import { quoteIdentifier, quoteTable } from '../../../postgres/identifiers.ts';
import { type TablePair, tablePairs } from '../carried-tables.ts';
import type { Check, Problem } from '../finding.ts';

export const columnMissing: Check = {
  name: 'column-missing',
  category: 'schema',
  find: (facts) => tablePairs(facts).flatMap((pair) => [...lacking(pair), ...unfilled(pair)]),
};

/** pgoutput does not send generated columns. */
function lacking({ label, source, sourceTable, target, targetTable }: TablePair): Problem[] {
  return sourceTable.columns
    .filter(({ generated }) => !generated)
    .filter(({ name }) => !targetTable.columns.some((column) => column.name === name))
    .map(({ name, declaredType }) => ({
      severity: 'error',
      code: 'SCHEMA_DRIFT',
      database: target.name,
      table: label,
      column: name,
      message: `${target.name}: ${label} has no column ${name}, which ${source.name} has`,
      hint: `alter table ${quoteTable(targetTable)} add column ${quoteIdentifier(name)} ${declaredType}`,
    }));
}

function unfilled({ label, source, sourceTable, target, targetTable }: TablePair): Problem[] {
  return targetTable.columns
    .filter(({ notNull, hasDefault, identity }) => notNull && !hasDefault && identity === null)
    .filter(({ name }) => !sourceTable.columns.some((column) => column.name === name))
    .map(({ name, declaredType }) => ({
      severity: 'error',
      code: 'SCHEMA_DRIFT',
      database: target.name,
      table: label,
      column: name,
      message: `${target.name}: ${label} needs a value for column ${name} (${declaredType}), which ${source.name} does not have`,
      hint: `alter table ${quoteTable(targetTable)} alter column ${quoteIdentifier(name)} drop not null, or set a default`,
    }));
}
