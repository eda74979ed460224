// A column that may be null on the source and not on the target works until the first null.
import { quoteIdentifier, quoteTable } from '../../../postgres/identifiers.ts';
import { type TablePair, tablePairs } from '../carried-tables.ts';
import type { Check, Problem } from '../finding.ts';

export const columnNull: Check = {
  name: 'column-null',
  category: 'schema',
  find: (facts) => tablePairs(facts).flatMap(findStricter),
};

function findStricter({ label, source, sourceTable, target, targetTable }: TablePair): Problem[] {
  return sourceTable.columns.flatMap((from) => {
    const to = targetTable.columns.find(({ name }) => name === from.name);
    if (to === undefined || from.generated || to.generated || from.notNull || !to.notNull)
      return [];
    return {
      severity: 'warning',
      code: 'SCHEMA_DRIFT',
      database: target.name,
      table: label,
      column: from.name,
      message: `${target.name}: column ${from.name} of ${label} is NOT NULL, on ${source.name} it may be null`,
      hint: `alter table ${quoteTable(targetTable)} alter column ${quoteIdentifier(from.name)} drop not null`,
    };
  });
}
