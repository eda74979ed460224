// The values of unique keys that a batch brings, each remembered as its row's. As sets, and only where
// none of them is another row's, or was so later; else its transaction goes row by row.

import { unchanged, type Value } from '../../model/tuple.ts';
import { givenKeyHash, keyHash } from '../../postgres/key-hash.ts';
import { ownXid } from '../../postgres/own-xid.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import type { Fold } from '../apply/plan-batch.ts';
import { arrayOf, matches, rowsOf } from '../apply/row-sql.ts';
import { sizeOfValues, slices } from '../apply/slices.ts';
import type { RowDelete, SingleRow, Step } from '../apply/step.ts';
import type { KeyColumn, TargetTable, UniqueKey } from '../apply/target-table.ts';
import { Given, matchesKey } from './given-rows.ts';

/** That a row takes the values of a unique key. */
interface Taking extends RowDelete {
  readonly values: readonly Value[];
}

/** Raises UNIQUE_VIOLATION when one of the values clashes. For the transaction that writes them. */
export function claimValues(folds: readonly Fold[], rank: number): Statement[] {
  return folds.flatMap((fold) => {
    if (fold.kind !== 'step' || fold.table.key === undefined) return [];
    const { table, step } = fold;
    const { key, uniques } = table;
    return uniques.flatMap((unique) =>
      slices(takingsOf(step, unique), ({ values }) => sizeOfValues(values)).map((takings) =>
        claimAll(table, key ?? [], unique, takings, rank),
      ),
    );
  });
}

/** Also those of changes that later ones of the batch cover. */
function takingsOf(step: Step, unique: UniqueKey): Taking[] {
  const writes: (RowDelete | SingleRow)[] = [...step.updates, ...step.inserts];
  const earlier = [...step.deletes, ...writes].flatMap((each) => each.earlier ?? []);
  return [...earlier, ...writes].flatMap((change) => {
    const values = valuesTaken(unique, change);
    return values === undefined ? [] : [{ key: change.key, time: change.time, values }];
  });
}

/** Undefined when the change takes none: it is a delete, has NULL there, or did not send it. */
export function valuesTaken(
  { columns, nullsNotDistinct }: UniqueKey,
  change: RowDelete | SingleRow,
): readonly Value[] | undefined {
  const row = 'row' in change ? change.row : undefined;
  const values = row && columns.map(({ index }) => row.at(index));
  if (values === undefined || values.includes(unchanged)) return undefined;
  return values.includes(null) && !nullsNotDistinct ? undefined : values;
}

function claimAll(
  table: TargetTable,
  key: readonly KeyColumn[],
  unique: UniqueKey,
  takings: readonly Taking[],
  rank: number,
): Statement {
  const given = new Given(table, key, takings);
  for (const i of unique.columns.keys())
    given.add(`v${i}`, arrayOf(takings.map(({ values }) => values[i])));
  const version = `commit_time, ${given.parameter(String(rank), 'integer')}`;
  const held =
    `exists (select from ${rowsOf(table)} as t where ${matchesValues(unique)} ` +
    `and not (${matchesKey(key)}))`;
  const isOwn = `c.xmin = ${ownXid}::text::xid`;
  return {
    text:
      `with ${given.cte}, taken as (select ${valuesHash(unique)} as value_hash, ` +
      `${givenKeyHash(key)} as key_hash, max(u.commit_time) as commit_time, bool_or(${held}) as held ` +
      'from given u group by 1, 2), ' +
      'claimed as (insert into replicator.claims as c (relation, value_hash, key_hash, commit_time, rank) ' +
      `select distinct on (value_hash) ${table.oid}, value_hash, key_hash, ${version} from taken ` +
      `order by value_hash, commit_time desc ${remember}), ` +
      'shared as (select taken.*, count(*) over (partition by value_hash) as takers from taken) ' +
      'select replicator.expect_unclaimed(count(*)) from shared n where held or takers > 1 or exists (' +
      `select from replicator.claims c where c.relation = ${table.oid} ` +
      'and c.value_hash = n.value_hash and c.key_hash <> n.key_hash ' +
      `and ((c.commit_time, c.rank) > (n.${version}) or ${isOwn}))`,
    values: given.values,
  };
}

/** Of an insert into replicator.claims: the greater one stays. */
export const remember =
  'on conflict (relation, value_hash) do update set key_hash = excluded.key_hash, ' +
  'commit_time = excluded.commit_time, rank = excluded.rank ' +
  'where (excluded.commit_time, excluded.rank) >= (c.commit_time, c.rank)';

/** SQL of a hash over the values `u.v0`, `u.v1`, … */
export function valuesHash({ seed, columns, nullsNotDistinct }: UniqueKey): string {
  return keyHash(columns, ({ castType }, i) => `u.v${i}::${castType}`, {
    seed,
    withNulls: nullsNotDistinct,
  });
}

/** The row `t` that has them. */
export function matchesValues({ columns, nullsNotDistinct }: UniqueKey): string {
  if (!nullsNotDistinct) return matches(columns, (_, i) => `v${i}`);
  const equal = columns.map((column, i) => {
    const both = `t.${column.quoted} is null and u.v${i} is null`;
    return `(${matches([column], () => `v${i}`)} or ${both})`;
  });
  return equal.join(' and ');
}
