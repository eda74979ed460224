// The target's tables are described once and used for long; what was believed of them must still hold
// when a batch commits. Retyping a column, for one, would round or cut values without an error.
import { quoteLiteral } from '../../postgres/identifiers.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import { textOf } from './statement-texts.ts';
import type { TargetTable } from './target-table.ts';
import { encodeTextArray } from './text-array.ts';

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

/**
 * The same of tables that no statement may be about. As its arguments are parameters, it is evaluated each time, of a
 * plan that is kept as well.
 */
export function expectAllDescribed(tables: readonly TargetTable[]): Statement {
  const array = (value: (table: TargetTable) => string) => encodeTextArray(tables.map(value));
  return {
    text:
      'select replicator.is_as_described(d.oid::oid, d.shape, d.label) ' +
      'from unnest($1::text[], $2::text[], $3::text[]) as d(oid, shape, label)',
    values: [array(({ oid }) => oid), array(({ shape }) => shape), array(({ label }) => label)],
  };
}
