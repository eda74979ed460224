// A row that was seen to be missing: nobody can lock it, so whoever inserts it first is not overruled.
import type { Statement } from '../../postgres/statement-group.ts';
import type { RowWrite } from '../apply/coalesce.ts';
import { columnArray, insertFrom, unnest } from '../apply/row-sql.ts';
import type { KeyColumn, TargetTable } from '../apply/target-table.ts';

/** Inserts nothing when the key is there by now. */
export function insertAbsent(
  table: TargetTable,
  key: readonly KeyColumn[],
  write: RowWrite,
): Statement {
  const { columns } = table;
  return {
    text:
      `${insertFrom(table, unnest(columns.map((_, i) => `c${i}`)))} ` +
      `on conflict (${key.map(({ quoted }) => quoted).join(', ')}) do nothing`,
    values: columns.map(({ index }) => columnArray([write], index)),
  };
}
