// The target's tables are described once and used for long; what was believed of them must still hold
// when a batch commits. Retyping a column, for one, would round or cut values without an error.
import { quoteLiteral } from '../../postgres/identifiers.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import { textOf } from './statement-texts.ts';
import type { TargetTable } from './target-table.ts';

/**
 * The server raises when one of the tables was altered or dropped since it was described. Behind the
 * statements that wrote to them: these hold a lock that keeps the tables as they are until COMMIT.
 *
 * The condition has no parameters, so it is evaluated when the statement is planned, and an altered table is
 * what makes the server plan it anew: asked before each COMMIT, it costs nothing until then.
 * https://www.postgresql.org/docs/current/sql-prepare.html
 */
export function expectShapes(tables: Iterable<TargetTable>): Statement[] {
  return [...tables].map((table) => ({
    text: textOf(table, 'expect shape', () => shapeText(table)),
  }));
}

function shapeText({ quoted, oid, shape, label }: TargetTable): string {
  const asked = `replicator.expect_shape(${oid}, '${shape}', ${quoteLiteral(label)})`;
  return `select from only ${quoted} where ${asked}`;
}
