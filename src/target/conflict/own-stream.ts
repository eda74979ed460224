// A database's own changes, read late from its own stream: `resolveOwn` for many rows at a time. A
// delete leaves its tombstone, and what came meanwhile and is older goes; a write goes that a delete
// from elsewhere has beaten. Versions are exact here, so nothing is left to be looked at.

import { givenKeyHash, rowKeyHash } from '../../postgres/key-hash.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import type { RowDelete, Step } from '../apply/coalesce.ts';
import { rowsOf } from '../apply/row-sql.ts';
import { slices } from '../apply/slices.ts';
import type { KeyColumn, TargetTable } from '../apply/target-table.ts';
import { buryGiven, Given, matchesKey } from './guarded-statements.ts';

export function planOwn(
  table: TargetTable,
  key: readonly KeyColumn[],
  step: Step,
  rank: number,
): Statement[] {
  const plan: Statement[] = [];
  for (const rows of slices(step.deletes, (each) => each.key))
    plan.push(ownDelete(table, key, rows, rank));
  for (const rows of slices([...step.updates, ...step.inserts], (each) => each.key))
    plan.push(ownWrite(table, key, rows));
  return plan;
}

function ownDelete(
  table: TargetTable,
  key: readonly KeyColumn[],
  rows: readonly RowDelete[],
  rank: number,
): Statement {
  const given = new Given(key, rows);
  const self = given.parameter(String(rank), 'integer');
  return {
    text:
      `with ${given.cte}, buried as (${buryGiven(table, key, self)}) ` +
      `${removeOlder(table, key, `(u.commit_time, ${self})`)}`,
    values: given.values,
  };
}

function ownWrite(
  table: TargetTable,
  key: readonly KeyColumn[],
  rows: readonly RowDelete[],
): Statement {
  const given = new Given(key, rows);
  // Most keys have none, and then nothing else is looked at.
  const beaten = `replicator.tombstones b where b.relation = ${table.oid} and b.key_hash = ${givenKeyHash(key)} and `;
  return {
    text: `with ${given.cte} ${removeOlder(table, key, '(b.commit_time, b.rank)', `, ${beaten}`)}`,
    values: given.values,
  };
}

/** Of the given rows those that are older than `version`. */
function removeOlder(
  table: TargetTable,
  key: readonly KeyColumn[],
  version: string,
  using = ' where ',
): string {
  const exact = `replicator.version_of(t.xmin, ${table.oid}, ${rowKeyHash(key)})`;
  return (
    `delete from ${rowsOf(table)} as t using given u${using}${matchesKey(key)} ` +
    `and (select (v.commit_time, v.rank) < ${version} from ${exact} v)`
  );
}
