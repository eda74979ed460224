// A row that was seen to be missing: nobody can lock it, so whoever inserts it first is not overruled.
import type { Statement } from '../../postgres/statement-group.ts';
import { encodeColumns } from '../apply/column-arrays.ts';
import { insertFrom, unnest } from '../apply/row-sql.ts';
import type { RowWrite } from '../apply/step.ts';
import type { KeyColumn, TargetTable } from '../apply/target-table.ts';

/**
 * Inserts nothing when the key is there by now, or one of its unique values. If that happens again and
 * again, it is an index that we do not know, and an error says which.
 */
export function insertAbsent(
  table: TargetTable,
  key: readonly KeyColumn[],
  write: RowWrite,
  attempt: number,
): Statement {
  const { columns, uniques } = table;
  const anyIndex = uniques.length > 0 && attempt < 5;
  const arbiter = anyIndex ? '' : ` (${key.map(({ quoted }) => quoted).join(', ')})`;
  const names = columns.map((_, i) => `c${i}`);
  return {
    text: `${insertFrom(table, unnest(table, names))} ` + `on conflict${arbiter} do nothing`,
    values: encodeColumns([write.row], columns),
  };
}
