// SQL that finds rows by all that they hold, for tables without a key. The text of the whole row
// decides: it tells NULL from empty, works for types that have no equality (json, xml, point), and
// never takes 1.0 for 1.00. Columns that have an equality are compared by it as well, so that an
// index can be used; where there is none, one scan and a hash join serve a whole statement.
import type { Tuple } from '../../model/tuple.ts';
import type { Statement } from '../../postgres/statement-group.ts';
import { isAsDescribed } from './as-described.ts';
import { encodeColumns } from './column-arrays.ts';
import type { Replacement, WholeRowStep } from './fold-whole-rows.ts';
import type { PlannedStatement } from './plan-batch.ts';
import { arrayOf, rowsOf, unnest } from './row-sql.ts';
import { insertRows } from './row-statements.ts';
import { slices } from './slices.ts';
import type { TargetColumn, TargetTable } from './target-table.ts';

// Both are off in our sessions, where rows are found by a key. Only one of them would not do: what a scan
// costs while it is off, 10,000,000,000, hides how often a plan would scan.
const allowScans = (allow: boolean): PlannedStatement => ({
  statement: {
    text: `select pg_catalog.set_config(name, '${allow ? 'on' : 'off'}', true)
      from unnest(array['enable_seqscan', 'enable_hashjoin']) as name`,
  },
  expects: { kind: 'nothing' },
});

export function planWholeRows(
  table: TargetTable,
  { deletes, updates, inserts }: WholeRowStep,
): PlannedStatement[] {
  const plan: PlannedStatement[] = [];
  const searches = deletes.length + updates.length > 0;
  if (searches) plan.push(allowScans(true));
  for (const olds of byNulls(table, deletes, (old) => old))
    for (const slice of slices(olds, ({ size }) => size))
      plan.push({
        statement: deleteWholeRows(table, slice),
        expects: { kind: 'delete', rows: slice.length },
      });
  for (const writes of byNulls(table, updates, ({ old }) => old))
    for (const slice of isWide(table)
      ? writes.map((write) => [write])
      : slices(writes, ({ old, row }) => old.size + row.size)) {
      const statement = updateWholeRows(table, slice, { expectAll: true });
      plan.push({ statement, expects: { kind: 'nothing' } });
    }
  if (searches) plan.push(allowScans(false));
  for (const slice of slices(inserts, ({ size }) => size))
    plan.push({
      statement: insertRows(
        table,
        slice.map((row) => ({ row })),
      ),
      expects: { kind: 'nothing' },
    });
  return plan;
}

/** Removes one row for each of the given; all must be null in the same comparable columns. */
export function deleteWholeRows(table: TargetTable, olds: readonly Tuple[]): Statement {
  const { sql, values } = finding(table, olds, []);
  return {
    text:
      `${sql} delete from ${rowsOf(table)} as t using found as f join wanted as w using (image, nth) ` +
      'where t.ctid = f.ctid and t.tableoid = f.tableoid',
    values,
  };
}

/** The old and the new row together are more than the columns that a query can have (1,664). */
const isWide = ({ columns }: TargetTable): boolean => columns.length > 800;

/**
 * Replaces one row for each of the given, which must be a single one where the table is wide; with
 * `expectAll` the server raises if one is missing.
 */
export function updateWholeRows(
  table: TargetTable,
  writes: readonly Replacement[],
  { expectAll }: { expectAll: boolean },
): Statement {
  const set = table.columns.filter(({ identityAlways }) => !identityAlways);
  const wide = isWide(table);
  const news = wide
    ? []
    : encodeColumns(
        writes.map(({ row }) => row),
        set,
      );
  const { sql, values } = finding(
    table,
    writes.map(({ old }) => old),
    news,
  );
  if (wide) values.push(arrayOf(set.map(({ index }) => writes[0]?.row.at(index))));
  const whole = `$${values.length}::text[]`;
  const assignments = set.map(
    ({ quoted, castType }, i) =>
      `${quoted} = ${wide ? `(${whole})[${i + 1}]` : `w.n${i}`}::${castType}`,
  );
  const kept = table.columns.slice(0, 1).map(({ quoted }) => `${quoted} = t.${quoted}`);
  const update =
    `update ${rowsOf(table)} as t set ${(assignments.length > 0 ? assignments : kept).join(', ')} ` +
    'from found as f join wanted as w using (image, nth) ' +
    'where t.ctid = f.ctid and t.tableoid = f.tableoid';
  if (!expectAll) return { text: `${sql} ${update}`, values };
  return {
    text:
      `${sql}, touched as (${update} returning 1) ` +
      `select replicator.expect_rows(count(*), $${values.length + 1}::bigint) from touched`,
    values: [...values, String(writes.length)],
  };
}

/**
 * `wanted`: each given row, as text and as the nth of those that are equal; `found`: the same of the
 * rows that the table has. So of equal rows as many are taken as are wanted, and no more.
 */
function finding(
  table: TargetTable,
  olds: readonly Tuple[],
  news: readonly Buffer[],
): { sql: string; values: (Buffer | string)[] } {
  const { columns } = table;
  const names = [...columns.map((_, i) => `c${i}`), ...news.map((_, i) => `n${i}`)];
  const given =
    names.length === 0
      ? `(select from generate_series(1, $1::int) where ${isAsDescribed(table)}) as u`
      : unnest(table, names);
  const values =
    names.length === 0 ? [String(olds.length)] : [...encodeColumns(olds, columns), ...news];
  const typed = columns.map(({ castType }, i) => `u.c${i}::${castType}`).join(', ');
  const stored = columns.map(({ quoted }) => `t.${quoted}`).join(', ');
  const image = `row(${typed})::text collate "C"`;
  const comparisons = columns.flatMap((column, i) => {
    if (column.equals === undefined) return [];
    return olds[0]?.at(column.index) === null
      ? [`t.${column.quoted} is null`]
      : [`t.${column.quoted} ${column.equals} d.c${i}::${column.castType}`];
  });
  const matches = [...comparisons, `row(${stored})::text collate "C" = d.image`].join(' and ');
  return {
    sql:
      `with wanted as (select u.*, ${image} as image, ` +
      `row_number() over (partition by ${image}) as nth from ${given}), ` +
      'found as (select t.ctid, t.tableoid, d.image, row_number() over (partition by d.image) as nth ' +
      `from ${rowsOf(table)} as t join (select distinct on (image) * from wanted) as d on ${matches})`,
    values,
  };
}

/** Together go those that are null in the same columns, of such as are compared by an equality. */
function byNulls<T>(
  { columns }: TargetTable,
  items: readonly T[],
  oldOf: (item: T) => Tuple,
): Iterable<T[]> {
  const compared = columns.filter(({ equals }: TargetColumn) => equals !== undefined);
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const old = oldOf(item);
    const nulls = compared.map(({ index }) => (old.at(index) === null ? '0' : '1')).join('');
    const same = groups.get(nulls);
    if (same === undefined) groups.set(nulls, [item]);
    else same.push(item);
  }
  return groups.values();
}
