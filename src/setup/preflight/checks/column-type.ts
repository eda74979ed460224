// The same rule as when changes are applied: every value of the source fits unchanged.
import { fitsUnchanged } from '../../../postgres/column-types.ts';
import { quoteIdentifier, quoteTable } from '../../../postgres/identifiers.ts';
import { type TablePair, tablePairs } from '../carried-tables.ts';
import type { Check, Problem } from '../finding.ts';

export const columnType: Check = {
  name: 'column-type',
  category: 'schema',
  find: (facts) => tablePairs(facts).flatMap(findDifferences),
};

function findDifferences(pair: TablePair): Problem[] {
  const { label, source, sourceTable, target, targetTable } = pair;
  return sourceTable.columns.flatMap((from) => {
    const to = targetTable.columns.find(({ name }) => name === from.name);
    if (to === undefined || from.generated || to.generated || fitsUnchanged(from, to)) return [];
    const column = quoteIdentifier(from.name);
    return {
      severity: 'error',
      code: 'SCHEMA_DRIFT',
      database: target.name,
      table: label,
      column: from.name,
      message: `${target.name}: column ${from.name} of ${label} is ${to.declaredType}, on ${source.name} it is ${from.declaredType}`,
      hint: `alter table ${quoteTable(targetTable)} alter column ${column} type ${from.declaredType} using ${column}::${from.declaredType}`,
    };
  });
}
