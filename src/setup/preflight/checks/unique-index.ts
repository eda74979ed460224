// A row that the source accepts may be refused where more has to be unique.
import { hasSeveralWriters } from '../../../config/writers.ts';
import { type TablePair, tablePairs } from '../carried-tables.ts';
import type { Check, Problem } from '../finding.ts';

export const uniqueIndex: Check = {
  name: 'unique-index',
  category: 'schema',
  // With several writers contested-unique is stricter.
  find: (facts) =>
    tablePairs(facts)
      .filter(
        ({ target, targetTable }) => !hasSeveralWriters(facts.config, target.name, targetTable),
      )
      .flatMap(findStricter),
};

function findStricter({ label, source, sourceTable, target, targetTable }: TablePair): Problem[] {
  const known = new Set(sourceTable.uniqueIndexes.map(({ definition }) => definition));
  return targetTable.uniqueIndexes
    .filter(({ definition }) => !known.has(definition))
    .map(({ name, definition }) => ({
      severity: 'warning',
      code: 'SCHEMA_DRIFT',
      database: target.name,
      table: label,
      message: `${target.name}: ${label} has index ${name} (${definition}), ${source.name} has none like it: rows may be refused`,
      hint: `create the same index on ${source.name}, or drop it here`,
    }));
}
