// The target's tables are described once and used for long; what was believed of them must still hold
// when a batch commits. Retyping a column, for one, would round or cut values without an error.
import { shapeOf } from '../../postgres/catalog.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import { arrayOf } from './row-sql.ts';
import type { TargetTable } from './target-table.ts';

const text =
  'select replicator.expect_shape(w.label, w.shape, ' +
  `${shapeOf('w.oid::oid')}) ` +
  'from unnest($1::text[], $2::text[], $3::text[]) as w(oid, shape, label)';

/**
 * The server raises when one of the tables was altered or dropped since it was described. Behind the
 * statements that wrote to them: these hold a lock that keeps the tables as they are until COMMIT.
 */
export function expectShapes(tables: Iterable<TargetTable>): Statement[] {
  const all = [...tables];
  if (all.length === 0) return [];
  const values = [
    arrayOf(all.map(({ oid }) => oid)),
    arrayOf(all.map(({ shape }) => shape)),
    arrayOf(all.map(({ label }) => label)),
  ];
  return [{ name: 'expect_shapes', text, values }];
}
