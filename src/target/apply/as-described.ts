// The target's tables are described once and used for long; what was believed of them must still hold
// when a batch commits. Retyping a column, for one, would round or cut values without an error.
import { quoteLiteral } from '../../postgres/identifiers.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import { textOf } from './statement-texts.ts';
import type { TargetTable } from './target-table.ts';

/**
 * A condition that is true, or raises when the table was altered or dropped since it was described; for every
 * statement that finds or writes rows of it. It has no parameters and its function is declared as immutable, so it
 * is evaluated when the statement is planned, under the lock that keeps the table as it is until COMMIT; and an
 * altered table is what makes the server plan anew: until then it costs nothing.
 * https://www.postgresql.org/docs/current/sql-prepare.html
 */
export function isAsDescribed(table: Pick<TargetTable, 'oid' | 'shape' | 'label'>): string {
  return textOf(
    table,
    'is as described',
    () =>
      `replicator.is_as_described(${table.oid}, '${table.shape}', ${quoteLiteral(table.label)})`,
  );
}

/** The same by itself, behind a statement that is not planned. */
export function expectDescribed(table: TargetTable): Statement {
  return { text: `select from only ${table.quoted} where not ${isAsDescribed(table)}` };
}
