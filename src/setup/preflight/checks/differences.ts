// Rows that differed when tables joined as they were; nothing has made them equal since.
import { tableLabel } from '../../../model/relation.ts';
import type { Check } from '../finding.ts';

export const differences: Check = {
  name: 'differences',
  category: 'state',
  find: ({ databases }) =>
    [...databases.values()].flatMap(({ name: database, state }) =>
      (state?.content?.differences ?? []).map((difference) => {
        const { other, onlyHere, onlyThere, differing, keys } = difference;
        const table = tableLabel(difference);
        return {
          severity: 'warning',
          code: 'SCHEMA_DRIFT',
          database,
          table,
          keys,
          message: `${database}: ${table} differed from ${other} when it joined: ${onlyHere} rows only here, ${onlyThere} only there, ${differing} not the same`,
          hint: 'their keys: replicator check --output json',
        };
      }),
    ),
};
