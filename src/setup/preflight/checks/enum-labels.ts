// A label that the target's type lacks is a value that it refuses, and the stream stops there.
import { quoteLiteral } from '../../../postgres/identifiers.ts';
import { type TablePair, tablePairs } from '../carried-tables.ts';
import type { Check, Problem } from '../finding.ts';

export const enumLabels: Check = {
  name: 'enum-labels',
  category: 'schema',
  find: (facts) => {
    const found = tablePairs(facts).flatMap(findMissing);
    // A type is mended once, however many columns use it.
    return [...new Map(found.map((each) => [`${each.database} ${each.hint}`, each])).values()];
  },
};

function findMissing({ label, source, sourceTable, target, targetTable }: TablePair): Problem[] {
  return sourceTable.columns.flatMap((from) => {
    const to = targetTable.columns.find(({ name }) => name === from.name);
    const type = elementType(from.castType);
    if (to === undefined || elementType(to.castType) !== type) return [];
    const known = target.enums.get(type);
    const missing = source.enums.get(type)?.filter((each) => known?.includes(each) === false) ?? [];
    return missing.map((value) => ({
      severity: 'error',
      code: 'SCHEMA_DRIFT',
      database: target.name,
      table: label,
      column: from.name,
      message: `${target.name}: type ${type} (column ${from.name} of ${label}) has no label ${quoteLiteral(value).trim()}, which ${source.name} has`,
      hint: `alter type ${type} add value ${quoteLiteral(value)}`,
    }));
  });
}

const elementType = (type: string): string => type.replace(/\[\]$/, '');
